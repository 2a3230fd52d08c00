"""`redline alerts`: what became of every alert, what it would look like, and once more for those that failed."""

import typer

from services.cli import alert_previewing, alert_resending, alert_routing, alert_showing

app = typer.Typer(no_args_is_help=True, help="Alerts: what became of each, how it looks, and sending it again.")

app.command("list")(alert_showing.list_alerts)
app.command()(alert_showing.show)
app.command()(alert_routing.route)
app.command()(alert_previewing.preview)
app.command()(alert_resending.resend)
