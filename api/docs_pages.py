"""The pages that Great Expectations writes, made fit to be served: nothing from the internet, no script but theirs.

Great Expectations 1.24 writes the values it found wrong into its pages as they are, so a page may hold whatever markup a
landed file held. The policy lets run only the scripts named here, by digest, and the libraries under ``data_docs_assets``.
"""

from __future__ import annotations

import re

_CDN = {
    "https://maxcdn.bootstrapcdn.com/bootstrap/4.3.1/css/bootstrap.min.css": "bootstrap/bootstrap.min.css",
    "https://stackpath.bootstrapcdn.com/bootstrap/4.3.1/js/bootstrap.min.js": "bootstrap/bootstrap.min.js",
    "https://code.jquery.com/jquery-3.7.1.min.js": "jquery/jquery.min.js",
    "https://cdnjs.cloudflare.com/ajax/libs/popper.js/1.12.9/umd/popper.min.js": "popper/popper.min.js",
    "https://cdnjs.cloudflare.com/ajax/libs/font-awesome/6.6.0/css/all.min.css": "fontawesome/css/all.min.css",
}
ASSETS = frozenset(_CDN.values()) | {"fontawesome/webfonts/fa-solid-900.woff2", "fontawesome/webfonts/fa-regular-400.woff2"}
_LOGO = "https://great-expectations-web-assets.s3.us-east-2.amazonaws.com/"

# The script of the page's own filter buttons and their two handlers; a test renders a page and compares.
SCRIPT_SHA256 = ("gohp0y43UjzSJTa7tPe9rc0wep/LVMX8VCahWN7jXfE=",)
HANDLER_SHA256 = ("tHIgjROKqUIJZc0efXzVrH5WTNtBtOZhJoN/2cUV3rY=", "cnyHsTTJ3vWVXJ/oMubJ42pPC/njhE6bB7grHdtfMbM=")

_SCRIPT = re.compile(r'<script\b[^>]*\bsrc="(https?://[^"]*)"[^>]*>\s*</script>', re.IGNORECASE)
_LINK = re.compile(r'<link\b[^>]*\bhref="(https?://[^"]*)"[^>]*>', re.IGNORECASE)


def offline(page: str, base: str) -> str:
    """`page` with the libraries it knows taken from `base` + ``_assets/`` and every other script or style from elsewhere left out.

    What is left out (Vega, date pickers, sortable tables) is used by kinds of page that are not built here.
    """

    def script(match: re.Match[str]) -> str:
        name = _CDN.get(match[1])
        return f'<script src="{base}_assets/{name}"></script>' if name else ""

    def link(match: re.Match[str]) -> str:
        name = _CDN.get(match[1])
        return f'<link rel="stylesheet" href="{base}_assets/{name}">' if name else ""

    return _LINK.sub(link, _SCRIPT.sub(script, page)).replace(_LOGO, f"{base}static/images/")


def policy() -> str:
    """The Content-Security-Policy of a page."""
    hashes = " ".join(f"'sha256-{digest}'" for digest in (*SCRIPT_SHA256, *HANDLER_SHA256))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'unsafe-hashes' {hashes}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self'",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
