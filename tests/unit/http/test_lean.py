"""Scripts without their comments."""

from __future__ import annotations

import pytest

from tertulia.http.lean import lean


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        (b"a();\n", b"a();\n"),
        (b"// one\na();\n  // two\nb();", b"\na();\n\nb();"),
        (b"/** one */\na();", b"\na();"),
        (b"/**\n * one\n * @param {x} y **\n **/\na();", b"\n\n\n\na();"),
        (b"a(); // one\n", b"a(); // one\n"),
        (b"/** @type {x} */ (a).b();\n/** one */\nc();", b"/** @type {x} */ (a).b();\n\nc();"),
        (b'  const url = "https://a";\n', b'  const url = "https://a";\n'),
        (b"/* never closed\na();", b"/* never closed\na();"),
        (b"a(\n  /* one */\n  b,\n);", b"a(\n\n  b,\n);"),
    ],
)
def test_comments_with_lines_of_their_own_are_left_out(script: bytes, sent: bytes) -> None:
    assert lean(script) == sent
    assert sent.count(b"\n") == script.count(b"\n")


def test_it_takes_linear_time() -> None:
    assert lean(b"/*" * 500_000).startswith(b"/*/*")
    assert lean(b"/*" + b"*" * 1_000_000).endswith(b"***")
