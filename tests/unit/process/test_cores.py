"""What a container may use of a machine, by the texts that the kernel shows."""

from __future__ import annotations

import os

import pytest

from tertulia.process.cores import cores, groups_of, quota_of

V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "32 31 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "33 31 0:30 {root} /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
)
CPU = "/sys/fs/cgroup/cpu,cpuacct"


def v1(directory: str, quota: int, period: int = 100_000) -> dict[str, str]:
    return {f"{directory}/cpu.cfs_quota_us": f"{quota}\n", f"{directory}/cpu.cfs_period_us": f"{period}\n"}


@pytest.mark.parametrize(
    ("cgroups", "mounts", "files", "quota"),
    [
        pytest.param("0::/\n", V2, {"/sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5, id="a container of its own"),
        pytest.param("0::/\n", V2, {"/sys/fs/cgroup/cpu.max": "max 100000\n"}, None, id="no quota"),
        pytest.param("0::/\n", V2, {}, None, id="the machine itself"),
        pytest.param(
            "0::/system.slice/tertulia.service\n",
            V2,
            {
                "/sys/fs/cgroup/system.slice/tertulia.service/cpu.max": "400000 100000\n",
                "/sys/fs/cgroup/system.slice/cpu.max": "50000 200000\n",
            },
            0.25,
            id="the group around it has less",
        ),
        pytest.param("0::/../../other\n", V2, {"/sys/fs/cgroup/cpu.max": "20000 10000"}, 2.0, id="out of sight"),
        pytest.param("4:cpu,cpuacct:/docker/a\n", V1.format(root="/"), v1(f"{CPU}/docker/a", 50_000), 0.5, id="v1"),
        pytest.param(
            "4:cpu,cpuacct:/docker/a\n", V1.format(root="/docker/a"), v1(CPU, 50_000), 0.5, id="v1, a part is mounted"
        ),
        pytest.param("4:cpu,cpuacct:/docker/a\n", V1.format(root="/"), v1(CPU, 300_000), 3.0, id="v1, host's path"),
        pytest.param("4:cpu,cpuacct:/\n0::/\n", V1.format(root="/"), v1(CPU, -1), None, id="v1, no quota"),
        pytest.param(
            "0::/\n",
            "31 23 0:28 / /sys/fs/a\\040b rw - cgroup2 none rw",
            {"/sys/fs/a b/cpu.max": "9 3"},
            3.0,
            id="a space",
        ),
        pytest.param("", "", {}, None, id="no control groups"),
        pytest.param("nonsense\n\n0::/\n", "nonsense\n - \n", {"/cpu.max": "1 1"}, None, id="nonsense"),
        pytest.param("0::/\n", V2, {"/sys/fs/cgroup/cpu.max": "100000 0\n"}, None, id="no period"),
    ],
)
def test_the_quota_of_a_process(cgroups: str, mounts: str, files: dict[str, str], quota: float | None) -> None:
    assert quota_of(groups_of(cgroups, mounts), files.get) == quota


def test_a_process_may_use_no_more_cores_than_it_may_run_on() -> None:
    assert 0 < cores() <= len(os.sched_getaffinity(0))
