"""Hosts as headers and settings name them, and which of them are this machine's own."""

from __future__ import annotations

import pytest

from qdpi.gateway.hosts import Host, is_loopback, parse_host


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("book.example", ("book.example", None)), ("BOOK.example.:8000", ("book.example", 8000)),
        ("localhost:8000", ("localhost", 8000)), ("127.0.0.1", ("127.0.0.1", None)), ("[::1]:8000", ("::1", 8000)),
        ("[0:0:0:0:0:0:0:1]", ("::1", None)),
    ],
)  # fmt: skip
def test_a_host_is_a_name_and_a_port(authority: str, host: tuple[str, int | None]) -> None:
    assert parse_host(authority) == Host(*host)


@pytest.mark.parametrize(
    "authority",
    ["", ".", ":8000", "user@localhost", "localhost@evil.example", "localhost, evil.example", "localhost:", "a b",
     "localhost:x", "localhost/x", "[::1", "[127.0.0.1]", "[evil.example]", "::1", "http://localhost", "localhost#x"],
)  # fmt: skip
def test_what_is_no_host_is_none(authority: str) -> None:
    assert parse_host(authority) is None


@pytest.mark.parametrize(
    ("name", "loopback"),
    [
        ("localhost", True), ("LocalHost.", True), ("book.localhost", True), ("127.0.0.1", True), ("127.8.8.8", True),
        ("::1", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False), ("", False),
        ("localhost.evil.example", False), ("notlocalhost", False), ("127.0.0.1.evil.example", False),
        ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("127.1", False), ("2130706433", False),
    ],
)  # fmt: skip
def test_a_loopback_name_is_nobody_elses(name: str, loopback: bool) -> None:
    assert is_loopback(name) is loopback
