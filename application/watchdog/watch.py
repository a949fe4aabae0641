"""The watchdog at work: it looks, pages, and leaves a sign of life, over and over."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog

from activities.record import Record, RecordFault, RecordUnavailable
from activities.record.watching import (
    KeptMatter,
    Matter,
    asked_up_to,
    drop_matters,
    keep_look,
    keep_matters,
    keep_paged,
    kept_matters,
    now,
)
from application.sealing import open_sealed
from application.settings import key_of
from application.watchdog.look import Folds, LookResult, look
from application.watchdog.pages import PagerMessage, PagingPlan, plan
from application.watchdog.settings import WatchdogSettings
from application.watchdog.webhook import Send, send_nothing, webhook

log = structlog.get_logger("watchdog")

RECORD_AWAY = "record_away"
LOG = 1


async def watch(settings: WatchdogSettings) -> None:
    """Watch until cancelled. An outage of the record is told, and waited for."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        await Watchdog(settings, send_nothing).run()
        return
    url, key = settings.webhook_url.get_secret_value(), key_of(settings.webhook_secret)
    async with webhook(url, key, settings.webhook_seconds) as send:
        await Watchdog(settings, send).run()


class Watchdog:
    """One watchdog. Any number may run: they page the same under the same ids."""

    def __init__(self, settings: WatchdogSettings, send: Send) -> None:
        self._settings = settings
        self._send = send
        self._folds = Folds()
        self._patient_until: float | None = None
        """Until when, by this machine's clock, others may still be catching up; None before the record was reached."""
        self._lost: float | None = monotonic()
        """Since when the record cannot be reached."""
        self._away: KeptMatter | None = None
        self._ready = False

    async def run(self) -> None:
        """Look, page and leave a sign of life, over and over."""
        while True:
            try:
                async with open_sealed(self._settings, connections=2) as record:
                    while True:
                        await self._round(record)
                        await asyncio.sleep(self._settings.every_seconds)
            except (RecordUnavailable, RecordFault) as away:
                log.warning("watchdog.waiting", code=away.code)
                await self._tell_outage(away.code)
            except Exception as defect:
                # No sign of life is left, which workers tell.
                log.error("watchdog.failed", error=type(defect).__name__)
            await asyncio.sleep(min(self._settings.every_seconds, 5.0))

    async def _round(self, record: Record) -> None:
        at, kept = await now(record), await kept_matters(record)
        seen = await look(record, self._settings, self._folds, kept)
        if self._others_catch_up():
            known = {each.matter[:2] for each in kept}
            seen = LookResult([each for each in seen.matters if each[:2] in known], 0)
        await keep_matters(record, seen.matters)
        if seen.position:
            await asked_up_to(record, seen.position)
        kept = await kept_matters(record)
        told = plan(kept, {matter[:2] for matter in seen.matters}, at, self._repeat, record.log_id)
        await drop_matters(record, told.forget)
        arrived = await self._page(told)
        for page in arrived:
            await (drop_matters if page.over else keep_paged)(record, page.about)
        await self._tell_return()
        await keep_look(record, self._settings.build_id, mute=len(arrived) < len(told.pages))
        if self._settings.ready_file is not None and not self._ready:
            # Once: whoever waited for it may have taken it away since.
            self._settings.ready_file.touch()
        self._ready = True

    def _others_catch_up(self) -> bool:
        """Whether, after an outage that was told, or at its own start, everybody else may still be catching up: they
        have as long for it as a step may be late. A shorter outage gives nobody more time."""
        clock = monotonic()
        lost, self._lost = self._lost, None
        if self._patient_until is None or (lost is not None and clock - lost >= self._settings.away_seconds):
            self._patient_until = clock + self._settings.late_seconds
        return clock < self._patient_until

    @property
    def _repeat(self) -> timedelta:
        return timedelta(seconds=self._settings.repeat_seconds)

    async def _page(self, told: PagingPlan) -> Sequence[PagerMessage]:
        """Send pages together, and return those that arrived. Whatever becomes of them, the log has them."""
        for page in told.pages:
            if page.over:
                log.warning("watchdog.over", kind=page.kind, counted=len(page.about), page_id=page.id)
            else:
                log.critical("watchdog.page", kind=page.kind, counted=len(page.about), page_id=page.id)
        codes = await asyncio.gather(*(self._send(page) for page in told.pages))
        for page, code in zip(told.pages, codes, strict=True):
            if code is not None:
                log.error("watchdog.not_paged", kind=page.kind, page_id=page.id, code=code)
        return [page for page, code in zip(told.pages, codes, strict=True) if code is None]

    async def _tell_outage(self, code: str) -> None:
        """Page that the record cannot be reached, once that has lasted, and again at intervals."""
        self._lost = monotonic() if self._lost is None else self._lost
        away = monotonic() - self._lost
        if away < self._settings.away_seconds:
            return
        at = datetime.now(UTC)
        if self._away is None:
            since = at - timedelta(seconds=away)
            self._away = KeptMatter(Matter(RECORD_AWAY, code, {"code": code}), since, None, 0)
        await self._tell_away(at, there=True)

    async def _tell_return(self) -> None:
        if self._away is not None:
            await self._tell_away(datetime.now(UTC), there=False)

    async def _tell_away(self, at: datetime, *, there: bool) -> None:
        assert self._away is not None
        name = self._away.matter[:2]
        told = plan([self._away], {name} if there else set(), at, self._repeat, LOG)
        arrived = await self._page(told)
        if not there and (arrived or not told.pages):
            self._away = None
        elif there and arrived:
            self._away = self._away._replace(paged_at=at, times=self._away.times + 1)
