"""The guarded client: what must never be called is never connected to, the rest stays bounded."""

import asyncio
import socket
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.outbound import (
    Allowance,
    OutboundClient,
    OutboundFailed,
    OutboundRefused,
    Reply,
    check_url,
)
from automations.outbound.networks import Reach, reach_of
from tests.provider import FakeProvider
from tests.provider.certificates import untrusted_tls

NOTHING = Allowance("destination")

# Loopback, private, link-local, metadata and reserved targets in every spelling we know of.
FORBIDDEN = [
    "https://127.0.0.1/",
    "https://127.0.0.1:443/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://127.0.0.0x1/",
    "https://127.0.0.1./",
    "https://00127.0.0.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://255.255.255.255/",
    "https://999.1.1.1/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://app.localhost/",
    "https://intranet/",
    "https://printer.local/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/latest/meta-data/",
    "https://169.254.169.254/latest/meta-data/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://user:pass@example.com/",
    "https://example.com@127.0.0.1/",
    "https://127.0.0.1\\@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://ⓛocalhost/",
    "https://127。0。0。1/",
    "https://%31%32%37.0.0.1/",
    "https:/127.0.0.1/",
    "https://",
    "https:///127.0.0.1/",
    "//127.0.0.1/",
    " https://127.0.0.1/",
    "https://127.0.0.1/\r\nHost: example.com",
    "https://exa\tmple.com/",
    "http://example.com/",
    "http://example.com:443/",
    "https://example.com:22/",
    "https://example.com:0/",
    "https://example.com:99999/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "data:text/plain,hello",
    "unix:///var/run/docker.sock",
    "https://example.com/" + "a" * 2_048,
]

FORBIDDEN_ADDRESSES = [
    "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.20.0.1", "192.168.0.1", "169.254.169.254",
    "168.63.129.16", "100.64.1.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "198.19.1.1", "198.51.100.1", "203.0.113.1", "224.0.0.251", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1",
    "2001::1", "2001:20::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1",
    "localhost", "", "1", "1.2.3",
]  # fmt: skip


def fake_dns(*answers: list[str]) -> tuple[Callable[[str, int], Awaitable[list[str]]], list[str]]:
    """Return a resolver that gives these answers in turn, and the names it was asked for."""
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return lookup, asked


def call(url: str, *, allow: Allowance = NOTHING, lookup: Any = None, **options: Any) -> Reply:
    """Make one call with a client of its own."""

    async def go() -> Reply:
        async with OutboundClient(allow, lookup=lookup) as http:
            return await http.request(options.pop("method", "POST"), url, **options)

    return asyncio.run(go())


def allowing(provider: FakeProvider) -> Allowance:
    """Return an allowance for the fake destination."""
    return Allowance.of("destination", [f"127.0.0.1:{provider.port}"])


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record every attempt of this process to connect anywhere."""
    seen: list[Any] = []
    original = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        seen.append(address)
        original(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return seen


# --- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_forbidden_address_is_refused_in_any_spelling_without_a_connection(
    url: str, connects: list[Any]
) -> None:
    lookup, asked = fake_dns(["127.0.0.1"])
    with pytest.raises(OutboundRefused) as refused:
        call(url, lookup=lookup)
    assert refused.value.category == "delivery_error"
    assert refused.value.message.endswith(".")
    assert "\n" not in refused.value.message
    assert (connects, asked) == ([], [])


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_a_public_name_that_leads_to_a_forbidden_address_is_not_called(
    address: str, connects: list[Any]
) -> None:
    lookup, _ = fake_dns([address])
    with pytest.raises(OutboundRefused) as refused:
        call("https://example.com/", lookup=lookup)
    assert refused.value.code == "blocked_address"
    assert connects == []


@pytest.mark.parametrize("bad_place", [0, 1, 2])
def test_one_bad_address_among_good_ones_refuses_the_name(
    bad_place: int, connects: list[Any]
) -> None:
    addresses = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
    addresses.insert(bad_place, "169.254.169.254")
    lookup, _ = fake_dns(addresses)
    with pytest.raises(OutboundRefused):
        call("https://example.com/", lookup=lookup)
    assert connects == []


def test_a_name_that_changes_after_the_check_is_not_called(
    provider: FakeProvider, connects: list[Any]
) -> None:
    """The second answer is the attacker's; the name is looked up once per connection, then used."""
    lookup, asked = fake_dns(["127.0.0.1"], ["10.0.0.1"])
    allow = Allowance.of("destination", [f"rebind.example:{provider.port}"])
    url = f"http://rebind.example:{provider.port}/deliver/plain"
    assert call(url, allow=allow, lookup=lookup).status == 200
    assert asked == ["rebind.example"]
    assert connects == [("127.0.0.1", provider.port)]


def test_a_name_that_turns_bad_between_two_connections_is_refused(connects: list[Any]) -> None:
    lookup, asked = fake_dns([], ["127.0.0.1"])

    async def go() -> None:
        async with OutboundClient(NOTHING, lookup=lookup) as http:
            with pytest.raises(OutboundFailed):
                await http.request("GET", "https://rebind.example/")
            with pytest.raises(OutboundRefused):
                await http.request("GET", "https://rebind.example/")

    asyncio.run(go())
    assert asked == ["rebind.example"] * 2
    assert connects == []


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "0x7f.1", "localhost", "[::1]"])
def test_the_last_look_before_connecting_needs_no_check_before_it(
    provider: FakeProvider, connects: list[Any], host: str
) -> None:
    from automations.outbound.session import GuardedSession

    async def go() -> None:
        session = GuardedSession(NOTHING, idle_s=1)
        try:
            url = f"http://{host}:{provider.port}/deliver/plain"
            await session.fetch("POST", url, headers={}, body=b"x", max_bytes=100)
        finally:
            await session.close()

    with pytest.raises(OutboundRefused):
        asyncio.run(go())
    assert connects == []
    assert provider.seen()["parcels"] == []


def test_a_redirect_is_an_answer_and_is_not_followed(provider: FakeProvider) -> None:
    body = b'{"model": "redirect", "messages": [{"content": "x"}]}'
    reply = call(f"{provider.base_url}/chat/completions", allow=allowing(provider), body=body)
    assert (reply.status, provider.seen()["calls"]) == (302, 1)
    assert reply.headers["Location"].startswith("http://169.254.169.254")


def test_proxies_in_the_environment_are_ignored(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert call(f"{provider.url}/deliver/plain", allow=allowing(provider)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Evil: 1"},
        {"X-A\r\n": "b"},
        {"": "b"},
        {"X-A": "nul\0"},
        {"Host": "internal"},
        {"Content-Length": "0"},
        {"transfer-encoding": "chunked"},
        {"Accept-Encoding": "gzip"},
    ],
)
def test_headers_that_would_change_the_request_are_refused(
    provider: FakeProvider, headers: dict[str, str]
) -> None:
    with pytest.raises(OutboundRefused) as refused:
        call(f"{provider.url}/deliver/plain", allow=allowing(provider), headers=headers)
    assert refused.value.code == "bad_header"
    assert provider.seen()["parcels"] == []


@settings(deadline=None)
@given(
    st.text(max_size=40)
    | st.from_regex(r"\A(https?|ftp)://[0-9a-fx.:@\[\]/%\\#?-]{0,30}\Z")
    | st.ip_addresses().map(lambda ip: f"https://[{ip}]/" if ip.version == 6 else f"https://{ip}/")
)
def test_whatever_passes_the_check_is_a_public_https_address(url: str) -> None:
    try:
        check_url(url, allow=NOTHING)
    except OutboundRefused:
        return
    host = url.lower().removeprefix("https://").partition("/")[0].partition("?")[0]
    assert url.lower().startswith("https://")
    assert "@" not in host.partition("#")[0]
    literal = host.partition("#")[0].removesuffix(":443").removesuffix(":80").strip("[]")
    if literal.replace(".", "").isdigit() or ":" in literal:
        assert reach_of(literal) is Reach.PUBLIC


# --- what is allowed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/a/b?c=%20d&e[]=1#f",
        "HTTPS://Example.COM:443/",
        "https://example.com:80/",
        "https://8.8.8.8/dns-query",
        "https://[2606:4700:4700::1111]/",
        "https://xn--bcher-kva.example/",
        "https://my_host.example.com./",
        "https://169.254.169.254.example.com/",
        "https://0x7f.example.com/",
    ],
)
def test_public_https_addresses_pass(url: str) -> None:
    check_url(url, allow=NOTHING)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/x"),
        ("[::1]:8080", "http://[::1]:8080/x"),
        ("wiki.internal:8443", "https://Wiki.Internal:8443/"),
        ("localhost:3000", "http://localhost:3000"),
        ("example.com:80", "http://example.com/"),
    ],
)
def test_the_operators_list_opens_exactly_what_it_names(entry: str, url: str) -> None:
    allow = Allowance.of("destination", [entry])
    check_url(url, allow=allow)
    with pytest.raises(OutboundRefused):
        check_url(url, allow=NOTHING)
    with pytest.raises(OutboundRefused):
        check_url("http://127.0.0.1:9999/", allow=allow)


def test_metadata_stays_closed_even_when_it_is_listed(connects: list[Any]) -> None:
    allow = Allowance.of("destination", ["169.254.169.254:80", "meta.example:80"])
    lookup, _ = fake_dns(["169.254.169.254"])
    for url in ("http://169.254.169.254/", "http://meta.example/"):
        with pytest.raises(OutboundRefused):
            call(url, allow=allow, lookup=lookup)
    assert connects == []


def test_the_list_comes_from_the_settings_by_purpose(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = {"provider": ["127.0.0.1:1"], "destination": []}
    assert Allowance.for_purpose("provider").permits("127.0.0.1", 1)
    assert not Allowance.for_purpose("destination").permits("127.0.0.1", 1)
    assert not Allowance.for_purpose("source").permits("127.0.0.1", 1)


@pytest.mark.parametrize("entry", ["", "example.com", "example.com:", ":80", "a:b"])
def test_a_malformed_entry_in_the_list_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        Allowance.of("destination", [entry])


def test_the_body_and_headers_arrive_and_the_answer_comes_back(provider: FakeProvider) -> None:
    reply = call(
        f"{provider.url}/deliver/keyed",
        allow=allowing(provider),
        body=b'{"a": 1}',
        headers={"Idempotency-Key": "k1", "Content-Type": "application/json"},
    )
    (parcel,) = provider.seen()["parcels"]
    assert (reply.status, parcel["json"]) == (200, {"a": 1})
    assert parcel["headers"]["idempotency-key"] == "k1"
    assert parcel["headers"]["accept-encoding"] == "identity"
    assert provider.seen()["deliveries"] == {"k1": 1}


# --- what is bounded -----------------------------------------------------------------------


def ask(provider: FakeProvider, model: str, **options: Any) -> Reply:
    """Have the fake provider misbehave."""
    body = b'{"model": "%s", "messages": [{"content": "x"}]}' % model.encode()
    url = f"{provider.base_url}/chat/completions"
    return call(url, allow=allowing(provider), body=body, **options)


@pytest.mark.parametrize("model", ["hang", "drip", "slow-headers", "slow:60"])
def test_the_deadline_covers_every_kind_of_slowness(provider: FakeProvider, model: str) -> None:
    with pytest.raises(OutboundFailed) as failed:
        ask(provider, model, deadline_s=0.2)
    assert (failed.value.code, failed.value.maybe_sent) == ("timeout", True)


def test_the_deadline_covers_the_look_up() -> None:
    async def stuck(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(OutboundFailed) as failed:
        call("https://example.com/", lookup=stuck, deadline_s=0.05)
    assert failed.value.code == "timeout"


@pytest.mark.parametrize("model", ["endless", "big"])
def test_a_body_over_the_cap_is_not_read_on(provider: FakeProvider, model: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(OutboundFailed) as failed:
            ask(provider, model, max_bytes=100_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert failed.value.code == "response_too_large"
    assert peak < 25_000_000  # the server's own 3 MB answer and its buffers live here as well


def test_a_body_of_exactly_the_cap_is_read(provider: FakeProvider) -> None:
    size = len(ask(provider, "big:1000").body)
    assert len(ask(provider, "big:1000", max_bytes=size).body) == size
    with pytest.raises(OutboundFailed):
        ask(provider, "big:1000", max_bytes=size - 1)


@pytest.mark.parametrize("model", ["gzip", "bomb"])
def test_compressed_answers_are_refused_unread(provider: FakeProvider, model: str) -> None:
    with pytest.raises(OutboundFailed) as failed:
        ask(provider, model)
    assert failed.value.code == "unwanted_encoding"


@pytest.mark.parametrize("model", ["reset", "close", "short-body", "not-http", "endless-headers"])
def test_a_broken_answer_is_a_network_error_that_may_have_been_received(
    provider: FakeProvider, model: str
) -> None:
    with pytest.raises(OutboundFailed) as failed:
        ask(provider, model)
    assert (failed.value.code, failed.value.maybe_sent) == ("network_error", True)
    assert provider.seen()["calls"] == 1


# --- what certainly did not arrive ---------------------------------------------------------


def test_a_closed_port_certainly_received_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(OutboundFailed) as failed:
            call(f"http://{place}/", allow=Allowance.of("destination", [place]))
    assert (failed.value.code, failed.value.maybe_sent) == ("network_error", False)


@pytest.mark.parametrize(
    ("number", "code"),
    [(socket.EAI_NONAME, "dns_error"), (socket.EAI_AGAIN, "network_error")],
)
def test_an_unknown_name_is_told_from_a_resolver_that_is_down(number: int, code: str) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        raise socket.gaierror(number, "no")

    with pytest.raises(OutboundFailed) as failed:
        call("https://example.com/", lookup=lookup)
    assert (failed.value.code, failed.value.maybe_sent) == (code, False)
    assert "example.com" in failed.value.message


def test_an_untrusted_certificate_ends_the_call_before_anything_is_sent(tmp_path: Path) -> None:
    with FakeProvider(tls=untrusted_tls(tmp_path)) as server:
        with pytest.raises(OutboundFailed) as failed:
            call(f"{server.url}/deliver/plain", allow=allowing(server))
        assert server.seen()["parcels"] == []
    assert (failed.value.code, failed.value.maybe_sent) == ("tls_error", False)


def test_a_cancelled_call_closes_its_connection(provider: FakeProvider) -> None:
    hung_up_on = provider.seen()["hung_up_on"]
    body = b'{"model": "hang", "messages": [{"content": "x"}]}'

    async def go() -> None:
        async with OutboundClient(allowing(provider)) as http:
            url = f"{provider.base_url}/chat/completions"
            task = asyncio.create_task(http.request("POST", url, body=body, deadline_s=60))
            await asyncio.to_thread(provider.wait_until, lambda seen: seen["in_flight"] == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(
                provider.wait_until, lambda seen: seen["hung_up_on"] == hung_up_on + 1
            )

    asyncio.run(go())


def test_nothing_is_imported_for_calls_until_one_is_made() -> None:
    import subprocess
    import sys

    code = "import sys, automations.outbound; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
