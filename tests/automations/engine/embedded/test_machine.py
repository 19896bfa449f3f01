"""What a machine can offer, also from within a container."""

import os
from pathlib import Path

from automations.engine.embedded.machine import (
    available_memory_bytes,
    free_disk_bytes,
    thread_count,
    total_memory_bytes,
)


def test_without_a_container_the_machines_own_memory_counts(tmp_path: Path) -> None:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert total_memory_bytes(tmp_path) == physical
    assert 0 < available_memory_bytes(tmp_path) <= physical


def test_a_containers_limit_counts_when_it_is_lower(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("300000\n")
    (tmp_path / "memory.current").write_text("100000\n")
    assert total_memory_bytes(tmp_path) == 300_000
    assert available_memory_bytes(tmp_path) == 200_000


def test_a_container_without_a_limit_changes_nothing(tmp_path: Path) -> None:
    without = total_memory_bytes(tmp_path), thread_count(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert (total_memory_bytes(tmp_path), thread_count(tmp_path)) == without


def test_threads_follow_the_containers_share_of_the_processor(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert thread_count(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("20000 100000\n")
    assert thread_count(tmp_path) == 1


def test_free_disk_is_known_before_the_folder_exists(tmp_path: Path) -> None:
    assert free_disk_bytes(tmp_path / "not" / "yet") > 0
