"""What real servers sent, what fedicause instances tell each other, and what our forms ask for."""

import functools
import io
import json
import re
from pathlib import Path
from typing import Any, Final

FIXTURES: Final = Path(__file__).parents[2] / "tests" / "interop" / "fixtures"
TEMPLATES: Final = Path(__file__).parents[2] / "templates"
HOST: Final = "ours.test"


@functools.cache
def recorded() -> list[dict[str, Any]]:
    """The activities that real servers sent, and the documents that fedicause instances tell each other."""
    found = []
    for path in sorted(FIXTURES.rglob("*.json")):
        document = json.loads(path.read_text())
        if "request" in document and document["request"].get("body"):
            found.append(json.loads(document["request"]["body"]))
    now = "2026-11-21T12:00:00Z"
    proof = {
        "type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "created": now, "proofPurpose": "assertionMethod",
        "verificationMethod": f"https://{HOST}/actors/org#ed25519-key", "proofValue": "z" + "2" * 87,
    }  # fmt: skip
    context = ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v2",
               {"fc": "https://w3id.org/fedicause/ns#"}]  # fmt: skip
    carried: list[dict[str, Any]] = [
        {"@context": context, "id": f"https://{HOST}/campaigns/call0/tally", "type": "fc:Tally",
         "attributedTo": f"https://{HOST}/actors/org", "fc:campaign": f"https://{HOST}/actors/call0", "fc:epoch": 1,
         "fc:version": 3, "fc:signatures": 12, "fc:endorsements": 0, "fc:countries": {"DE": 12}, "updated": now,
         "proof": proof},
        {"@context": context, "id": f"https://{HOST}/campaigns/call0/partners", "type": "Collection",
         "attributedTo": f"https://{HOST}/actors/call0", "fc:version": 2, "updated": now, "totalItems": 1,
         "items": [f"https://{HOST}/actors/org"], "proof": proof},
        {"@context": context, "id": f"https://{HOST}/campaigns/call0/sketch", "type": "fc:Sketch",
         "attributedTo": f"https://{HOST}/actors/org", "fc:campaign": f"https://{HOST}/actors/call0", "fc:epoch": 1,
         "fc:version": 3, "fc:lgK": 12, "fc:value": "AgEHDAMIBQg=", "proof": proof},
    ]  # fmt: skip
    for kind in (
        "Update",
        "Announce",
        "Accept",
        "Join",
        "Leave",
        "Invite",
        "Remove",
        "Reject",
        "Move",
        "Flag",
    ):
        for each in carried:
            found.append({
                "@context": context, "id": "x", "type": kind, "actor": "x", "published": now, "object": each,
                "to": ["as:Public"], "result": each, "target": f"https://{HOST}/actors/call0",
                "fc:sketchKey": "A" * 43,
            })  # fmt: skip
    assert len(found) > 60
    return found


@functools.cache
def field_names() -> list[str]:
    """Every field that a form of ours has."""
    found = set()
    for path in TEMPLATES.rglob("*.html"):
        found |= set(re.findall(r'name="([a-z_-]+)"', path.read_text()))
    return sorted(found - {"csrf", "altcha", "viewport", "robots"} | {"roles-1", "target-1", "consent-own"})


@functools.cache
def picture() -> bytes:
    from PIL import Image  # noqa: PLC0415

    made = io.BytesIO()
    Image.new("RGB", (32, 16), "green").save(made, "PNG")
    return made.getvalue()
