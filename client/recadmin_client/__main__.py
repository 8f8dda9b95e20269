"""``python -m recadmin_client``: the command ``recadmin``."""

import sys

from recadmin_client.command import main

sys.exit(main())
