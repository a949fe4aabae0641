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
from application.errors import SettingsError
from application.process.sealing import open_sealed
from application.settings import key_of
from application.watchdog.look import LOG_CUT, Folds, LogEnd, LookResult, look
from application.watchdog.pages import PagerMessage, PagingPlan, plan
from application.watchdog.settings import WatchdogSettings
from application.watchdog.webhook import Send, send_nothing, webhook

log = structlog.get_logger("watchdog")

RECORD_AWAY = "record_away"
OWN = (RECORD_AWAY, LOG_CUT)
"""What this process keeps itself: the record cannot, or whoever changed it could."""
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
        self._end = LogEnd()
        self._own: dict[str, KeptMatter] = {}
        """What is wrong of the kinds that are not kept in the record."""
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
                # Also another record's keys. No sign of life is left, which workers tell.
                wrong = ",".join(defect.variables) if isinstance(defect, SettingsError) else None
                log.error("watchdog.failed", error=type(defect).__name__, code=wrong)
                await self._tell_outage(type(defect).__name__)
            await asyncio.sleep(min(self._settings.every_seconds, 5.0))

    async def _round(self, record: Record) -> None:
        arrives = await self._tell_if_cut(record)
        at, kept = await now(record), await self._kept(record)
        seen = await look(record, self._settings, self._folds, kept)
        if self._others_catch_up():
            known = {each.matter[:2] for each in kept}
            seen = LookResult([each for each in seen.matters if each[:2] in known], 0)
        await keep_matters(record, seen.matters)
        if seen.position:
            await asked_up_to(record, seen.position)
        kept = await self._kept(record)
        told = plan(kept, {matter[:2] for matter in seen.matters}, at, self._repeat, record.log_id)
        await drop_matters(record, told.forget)
        arrived = await self._page(told)
        for page in arrived:
            await (drop_matters if page.over else keep_paged)(record, page.about)
        await keep_look(record, self._settings.build_id, mute=not arrives or len(arrived) < len(told.pages))
        self._lost = None
        await self._tell_own(RECORD_AWAY, there=False)
        if self._settings.ready_file is not None and not self._ready:
            # Once: whoever waited for it may have taken it away since.
            self._settings.ready_file.touch()
        self._ready = True

    async def _kept(self, record: Record) -> Sequence[KeptMatter]:
        return [each for each in await kept_matters(record) if each.matter.kind not in OWN]

    def _others_catch_up(self) -> bool:
        """Whether, after an outage that was told, or at its own start, everybody else may still be catching up: they
        have as long for it as a step may be late. A shorter outage gives nobody more time."""
        clock, lost = monotonic(), self._lost
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
        since = datetime.now(UTC) - timedelta(seconds=away)
        self._own.setdefault(RECORD_AWAY, KeptMatter(Matter(RECORD_AWAY, code, {"code": code}), since, None, 0))
        await self._tell_own(RECORD_AWAY, there=True)

    async def _tell_if_cut(self, record: Record) -> bool:
        """Page that the log has not what it had, at once and again at intervals. Return whether that arrives."""
        cut = await self._end.look(record)
        if cut is None:
            return True
        self._own.setdefault(LOG_CUT, KeptMatter(cut, datetime.now(UTC), None, 0))
        return await self._tell_own(LOG_CUT, there=True)

    async def _tell_own(self, kind: str, *, there: bool) -> bool:
        """Page what this process keeps itself, while it is there and once it is over. Return whether that arrives."""
        own, at = self._own.get(kind), datetime.now(UTC)
        if own is None:
            return True
        told = plan([own], {own.matter[:2]} if there else set(), at, self._repeat, LOG)
        arrived = await self._page(told)
        if not there and (arrived or not told.pages):
            del self._own[kind]
        elif there and arrived:
            self._own[kind] = own._replace(paged_at=at, times=own.times + 1)
        return len(arrived) == len(told.pages)
