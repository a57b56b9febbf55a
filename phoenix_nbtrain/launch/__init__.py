"""The launch protocol: how money is spent once, knowingly, and never by accident.

The service has no idempotency key, and its trigger is a PUT that every layer believes safe to
repeat. So safety is made here:

    estimated ─accept→ prepared ─compare-and-swap, fsync→ submitting ─2xx with a job→ running
                                        ├ provably not sent ───────────────→ not_sent
                                        ├ refused by the service ──────────→ rejected
                                        ├ refused, perhaps for a copy of
                                        │ our own request ─────────────────→ refused
                                        └ anything else, a crash included ─→ uncertain
                                                   uncertain ─a run appears→ running
                                                             └ never does ─→ not_seen
                                                     refused ─a run appears→ running
                                                             └ never does ─→ rejected

Every arrow is a row in the journal, written before what it describes. Nothing here repeats a
request; an uncertain launch is left by reads only.

`identity` says what is bought, `price` what was accepted, `reconcile` what reads and journal tell
together, `launcher` decides, and `sending` sends: the only code that can send the trigger without
``dryRun``.
"""

from __future__ import annotations

from phoenix_nbtrain.launch.identity import Order, download_order, fingerprint, served_digest
from phoenix_nbtrain.launch.launcher import AT_REST, Launcher, Seen
from phoenix_nbtrain.launch.price import ESTIMATE_SECONDS, Estimate, money, parse_max_cost
from phoenix_nbtrain.launch.reconcile import CLOCKS_APART, LaunchClient
from phoenix_nbtrain.launch.sending import Launched, cost_words

__all__ = [
    "AT_REST",
    "CLOCKS_APART",
    "ESTIMATE_SECONDS",
    "Estimate",
    "LaunchClient",
    "Launched",
    "Launcher",
    "Order",
    "Seen",
    "cost_words",
    "download_order",
    "fingerprint",
    "money",
    "parse_max_cost",
    "served_digest",
]
