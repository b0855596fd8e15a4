"""JSON files that know when they were changed: their last key is the SHA-256 of everything before it.

Records and manifests hold the checksums of all other files; nothing else holds theirs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

KEY = "seal"
END = re.compile(r',\n "seal": "([0-9a-f]{64})"\n}\n')
TRACE = re.compile(r'"seal"|"[0-9a-f]{64}"\s*}\s*\Z')
"""What a damaged seal still leaves: its name, or a digest at the very end."""


def sealed(content: Mapping[str, Any]) -> str:
    """A mapping as indented JSON with a seal; one that it had before is replaced."""
    head = json.dumps({name: value for name, value in content.items() if name != KEY}, indent=1)[:-2]
    return f'{head},\n "{KEY}": "{_digest(head)}"\n}}\n'


def is_broken(text: str) -> bool:
    """Whether a text has a seal that does not fit it; one without any (an older segmake) is not broken."""
    head, comma, _ = text.rpartition(f',\n "{KEY}"')
    if not comma:
        return TRACE.search(text) is not None
    end = END.fullmatch(text, len(head))
    return end is None or end[1] != _digest(head)


def _digest(head: str) -> str:
    return hashlib.sha256(head.encode("utf-8", "surrogatepass")).hexdigest()
