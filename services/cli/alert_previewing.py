"""`redline alerts preview`: what would be sent, without sending it."""

import json as jsonlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from email.message import EmailMessage
from enum import StrEnum
from functools import reduce
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.alert import Alert
from schemas.delivery import idempotency_key
from schemas.notification import DigestReason, Notification, NotificationKind
from services.cli.loading import LoadedSettings, load_settings
from services.cli.output import BadInputError, ConfigOption, JsonOption, print_line

if TYPE_CHECKING:
    from alerts.links import Links
    from alerts.routing import Receiver, Target

SENDER, READER = "Redline <redline@example.org>", "reader@example.org"
NO_KEY = b"preview"  # links are signed with another key, so those of a preview lead nowhere


class PreviewChannel(StrEnum):
    """The kinds of channels that a message can be drawn for."""

    SLACK = "slack"
    EMAIL = "email"
    WEBHOOK = "webhook"
    CONSOLE = "console"


def preview(
    given: Annotated[
        str | None, typer.Argument(metavar="[ALERT]", help="a file (JSON or JSON Lines), - or an id; else an example")
    ] = None,
    channel: Annotated[PreviewChannel, typer.Option(help="how it is to be drawn")] = PreviewChannel.CONSOLE,
    kind: Annotated[NotificationKind, typer.Option(help="as what kind of message")] = NotificationKind.NEW,
    receiver: Annotated[
        str | None, typer.Option(help="as this receiver gets it; the first its route leads to, if not given")
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="of an e-mail, print its HTML")] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what would be sent about an alert; sends nothing. Several alerts make one message.

    Slack: the payload. E-mail: headers and text, or its HTML (--html), or all of it (--json). Webhook: the body.

    Example: redline alerts preview alert.json --channel slack
    """
    from alerts.links import Links
    from services.cli.alert_input import given_alerts
    from services.cli.example_alerts import example_shift

    if html and (json or channel is not PreviewChannel.EMAIL):
        raise BadInputError("--html is for --channel email, and without --json, which holds the HTML, too")
    loaded = load_settings(config)
    alerts = given_alerts(given, loaded) if given is not None else (example_shift(),)
    target, audience = _audience(loaded, receiver, alerts[0])
    links = Links(loaded.settings.api.public_url, NO_KEY)
    for number, notification in enumerate(notifications_of(alerts, kind, target, audience, capacity_of(channel))):
        if number and not json:
            print_line("")
        _print_as(channel, notification, audience, links, html, json)


def _print_as(
    channel: PreviewChannel, notification: Notification, audience: "Receiver", links: "Links", html: bool, json: bool
) -> None:
    match channel:
        case PreviewChannel.SLACK:
            _print_json(slack_payload(notification, audience, links), json)
        case PreviewChannel.WEBHOOK:
            _print_json(notification.model_dump(mode="json", exclude_none=True), json)
        case PreviewChannel.CONSOLE:
            _print_console(notification, json)
        case PreviewChannel.EMAIL:
            _print_mail(compose_mail(notification, audience, links), html, json)


def _audience(loaded: LoadedSettings, name: str | None, alert: Alert) -> tuple["Target", "Receiver"]:
    """Return the route and the receiver of this name that the alert is for; without a name, the first there is."""
    from alerts.routing import targets
    from services.provisioning.catalogues import load_routes
    from services.provisioning.faults import nearest

    routes = load_routes(loaded.settings.routes)
    known = {receiver.name: receiver for receiver in routes.receivers}
    taking = targets(alert, routes)
    wanted = name or taking[0].receiver
    if wanted not in known:
        raise BadInputError(f"no receiver {wanted!r}{nearest(wanted, known)}")
    # A receiver that no route leads this alert to is shown what it would get by the first one.
    own = next((target for target in taking if target.receiver == wanted), replace(taking[0], receiver=wanted))
    return own, known[wanted]


def capacity_of(channel: PreviewChannel) -> int | None:
    """Return how many lines of a digest one message of the channel holds."""
    from alerts.channels.assemble import MAIL_DIGEST_ITEMS
    from alerts.digest_blocks import SLACK_DIGEST_ITEMS

    return {PreviewChannel.SLACK: SLACK_DIGEST_ITEMS, PreviewChannel.EMAIL: MAIL_DIGEST_ITEMS}.get(channel)


def notifications_of(
    alerts: tuple[Alert, ...], kind: NotificationKind, target: "Target", receiver: "Receiver", capacity: int | None
) -> tuple[Notification, ...]:
    """Return what would tell the receiver of these alerts, made as the alerter makes it: one message, or a digest's."""
    from alerts.digests import compose_digest, digest_item
    from alerts.groups import Group, admit, group_key
    from alerts.stages import Flush, Surroundings, tell

    times = [alert.decided_at for alert in alerts]

    def grouped(members: Sequence[Alert]) -> Group:
        opened = admit(None, members[0], target, min(times))
        return reduce(lambda group, alert: admit(group, alert, target, alert.decided_at), members, opened)

    if kind is NotificationKind.DIGEST:
        groups: dict[str, list[Alert]] = {}
        for alert in alerts:
            groups.setdefault(group_key(alert, target)[0], []).append(alert)
        items = [digest_item(grouped(members), members, DigestReason.ROUTED) for members in groups.values()]
        return compose_digest(receiver, items, min(times), max(times), capacity)
    begun = kind in {NotificationKind.UPDATE, NotificationKind.REMINDER}
    group = grouped(alerts).model_copy(update={"revision": int(begun)})
    told = tell(Flush(group, target, Surroundings(receiver), max(times), alerts)).notification
    if told is None:
        raise BadInputError("there is nothing to tell")
    return (told.model_copy(update={"kind": kind}),)


def slack_payload(notification: Notification, audience: "Receiver", links: "Links") -> dict[str, Any]:
    """Return what is posted to Slack, with the button that the receiver's Slack channel gives it."""
    from alerts.blocks import render_slack
    from alerts.options import SlackOptions

    options = next((options for options in audience.channels if isinstance(options, SlackOptions)), None)
    return render_slack(notification, links=links, interactive=options is not None and options.interactive).payload()


def compose_mail(notification: Notification, audience: "Receiver", links: "Links") -> EmailMessage:
    """Return the mail, addressed as the receiver's channel says, or to an example reader."""
    from alerts.channels.email import compose
    from alerts.links import MessageLinks
    from alerts.options import EmailOptions

    options = next((options for options in audience.channels if isinstance(options, EmailOptions)), None)
    sender, reader = (options.sender, options.to[0]) if options else (SENDER, READER)
    name = options.name if options else "email"
    unsubscribe = links.unsubscribe(notification.receiver, name, reader)
    asked = MessageLinks(unsubscribe, links.silence(notification), links.positions(notification))
    return compose(notification, sender, reader, idempotency_key(notification.id, notification.receiver, name), asked)


def _print_json(value: dict[str, Any], json: bool) -> None:
    print_line(jsonlib.dumps(value, ensure_ascii=False, indent=None if json else 2))


def _print_console(notification: Notification, json: bool) -> None:
    import asyncio
    import io

    from alerts.channels.console import ConsoleChannel

    page = io.StringIO() if json else sys.stdout
    key = idempotency_key(notification.id, notification.receiver, "console")
    asyncio.run(ConsoleChannel(file=page).send(notification, key))
    if isinstance(page, io.StringIO):
        print_line(jsonlib.dumps({"text": page.getvalue()}, ensure_ascii=False))


def _print_mail(mail: EmailMessage, html: bool, json: bool) -> None:
    texts = (part for part in mail.walk() if part.get_content_maintype() == "text")
    bodies = {part.get_content_subtype(): part.get_content() for part in texts}
    headers = {name: str(value) for name, value in mail.items()}
    if json:
        line = {"subject": headers["Subject"], "headers": headers, "text": bodies["plain"], "html": bodies["html"]}
        print_line(jsonlib.dumps(line, ensure_ascii=False))
    elif html:
        print_line(bodies["html"].rstrip("\n"))
    else:
        for name in ("From", "To", "Date", "Subject"):
            print_line(f"{name}: {headers[name]}")
        print_line(f"\n{bodies['plain'].rstrip()}")
