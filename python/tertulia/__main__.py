"""``python -m tertulia``: the same as the ``tertulia`` command."""

from tertulia.cli import main

if __name__ == "__main__":
    main()
