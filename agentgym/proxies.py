"""Which proxy the environment names for a URL: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as everywhere."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from agentgym.errors import EndpointFault


def environment_proxy(url: str) -> str | None:
    """The address of the proxy; None where calls go straight."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    address = proxy if "://" in proxy else f"http://{proxy}"
    if not _is_usable(address):
        named = f"{parts.scheme.upper()}_PROXY"  # what it holds may be a password
        raise EndpointFault(f"{named} names no proxy that can be used: write http://HOST:PORT", kind="refused")
    return address


def _is_usable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
