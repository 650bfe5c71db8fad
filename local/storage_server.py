"""gcp-storage-emulator, whose objects outlive its port.

`python -m local.storage_server ARGUMENT …` takes what `python -m gcp_storage_emulator` takes. That one
saves with every object a link with the port of that day, and clients follow the link: what an earlier
stack has left could not be read on another port. Without the link, clients ask at the address they know.
"""

from __future__ import annotations

import sys
from typing import Any

from gcp_storage_emulator import __main__ as emulator
from gcp_storage_emulator.handlers import objects

_emulators_resource = objects._make_object_resource


def _without_media_link(*arguments: Any, **named: Any) -> dict[str, Any]:
    resource: dict[str, Any] = _emulators_resource(*arguments, **named)
    del resource["mediaLink"]
    return resource


def main() -> None:
    """Serve until SIGTERM."""
    objects._make_object_resource = _without_media_link
    sys.exit(emulator.main(sys.argv[1:]))


if __name__ == "__main__":
    main()
