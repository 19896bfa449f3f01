"""The sandbox's job that speaks to the services of Apprise; it has no Django and no database."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

from automations.errors import Problem

# Services on the network that are called over HTTP. Nothing of this machine (desktops, system
# log, files), nothing that reads key files, no plug-ins of one's own.
SCHEMAS = frozenset(
    """
    46elks apprise apprises azure bark barks betterstack bluesky brevo bsky bulksms bulkvs
    burstsms chanify clickatell clicksend cliq cm d7sms dingtalk discord elks emby embys exotel
    feishu firehydrant flock fluxer fluxers form forms freemobile gchat goalert goalerts gotify
    gotifys groupme guilded gupshup hassio hassios httpsms ifttt ilert incidentio infobip jira join
    json jsons kaleyra kavenegar klr kodi kodis kook kudosity lametric lametrics lark lfg line
    mailersend mailgun mastodon mastodons matrix matrixs misskey misskeys mmost mmosts mobilemsg
    msg91 msgbird nctalk nctalks nexmo notica noticas notifiarr notifico notificos notifyre ntfy
    ntfys o365 octopush onesignal opsgenie pagerduty pagertree parsep parseps pbul pjet pjets plivo
    postmark pover prowl push pushdeer pushdeers pushed pushme pushplus pushy qq reddit resend
    revolt ringc rocket rockets ryver schan sendgrid sendpulse ses seven signal signals signl4
    simplepush sinch slack smsc smsmanager smtp2go sns sparkpost spike splunk spugpush spush
    squadcast stackfield strmlabs synology synologys telesign telnyx tgram threema toot toots
    twilio twist viber victorops voipms vonage webex wecom wecombot whapi whatsapp workflow
    workflows wxpusher wxteams xbmc xbmcs xmatters xml xmls zcliq zohocliq zoom zulip
    """.split()  # noqa: SIM905  a list of words reads better so
)
MAX_LOG_CHARS = 2_000

_SCHEMA = re.compile(r"[a-z0-9]{2,20}")
_STATUS = re.compile(r"error=([1-5][0-9]{2})\b")


def notify(payload: dict[str, Any], _data: bytes) -> dict[str, Any]:
    """Send `title` and `body` to the service at `url`, once; with `check` only look at the address.

    Returns the service's name, whether it took the notice, the HTTP status if it said one, and
    what was logged. Raises `Problem` (notice_refused) for an address that is not used.
    """
    url = str(payload["url"])
    _require_known(url)
    # A third of a second of imports, in the child only.
    import apprise  # noqa: PLC0415

    asset = apprise.AppriseAsset(
        async_mode=False, plugin_paths=[], secure_logging=True, app_id="Lifecycle",
        app_desc="Lifecycle", storage_mode=apprise.PersistentStoreMode.MEMORY,
    )  # fmt: skip
    service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if service is None:
        raise _refused("is not complete or not right for its service; look it up in its manual")
    name = str(service.service_name)
    if payload.get("check"):
        return {"service": name, "sent": False, "status": 0, "said": ""}
    with _Listening() as heard:
        sent = bool(service.notify(body=payload["body"], title=payload["title"]))
    statuses = _STATUS.findall(heard.text)
    return {
        "service": name,
        "sent": sent,
        "status": int(statuses[-1]) if statuses else 0,
        "said": heard.text[:MAX_LOG_CHARS],
    }


def _require_known(url: str) -> None:
    schema = url.partition("://")[0].lower()
    if not _SCHEMA.fullmatch(schema):
        raise _refused("is not one of Apprise, like discord://...; correct the variable")
    if schema not in SCHEMAS:
        raise _refused(f"is of the kind {schema}://, which is not used here; choose another")


def _refused(what: str) -> Problem:
    return Problem(
        f"The notice's address {what}.", category="delivery_error", code="notice_refused"
    )


class _Listening:
    """What Apprise logs meanwhile: the only place where it says why it failed."""

    def __init__(self) -> None:
        self._heard = io.StringIO()
        self._handler = logging.StreamHandler(self._heard)
        self._logger = logging.getLogger("apprise")

    @property
    def text(self) -> str:
        return " ".join(self._heard.getvalue().split())

    def __enter__(self) -> _Listening:
        self._logger.addHandler(self._handler)
        self._logger.setLevel(logging.WARNING)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._handler)
