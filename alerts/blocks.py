"""Notification to Slack message: Block Kit within Slack's limits, whatever an article says. Pure."""

from dataclasses import dataclass
from typing import Any

from alerts.block_text import Block, mrkdwn
from alerts.bundle_blocks import bare_blocks, bare_title, bundle_blocks, bundle_text
from alerts.card import safe_url
from alerts.digest_blocks import digest_blocks, digest_text
from alerts.slack_buttons import PageLinks, actions, open_button, positions_button, silence_button
from schemas.notification import Notification


@dataclass(frozen=True)
class SlackMessage:
    """Blocks, and the text that notifications show in their place."""

    text: str
    blocks: tuple[Block, ...]

    def payload(self) -> dict[str, Any]:
        """Return the body common to webhooks and chat.postMessage."""
        return {"text": self.text, "blocks": list(self.blocks), "unfurl_links": False, "unfurl_media": False}


def render_slack(
    notification: Notification, *, links: PageLinks | None = None, interactive: bool = False
) -> SlackMessage:
    """Return the message for Slack.

    It can silence its story at once if `interactive`, which needs an app that calls the api, or else by one of `links`.
    """
    if notification.digest is not None:
        return SlackMessage(
            digest_text(notification, notification.digest), digest_blocks(notification, notification.digest)
        )
    lead = notification.lead
    if lead is None:
        return SlackMessage(mrkdwn(bare_title(notification)), bare_blocks(notification))
    url = safe_url(lead.article.url) if lead.article else None
    buttons = actions(
        open_button(url) if url else None,
        positions_button(notification, links),
        silence_button(notification, links, interactive=interactive),
    )
    return SlackMessage(bundle_text(notification, lead), bundle_blocks(notification, lead, buttons))
