from services.fetcher.policy import FetchPolicy, default_user_agent


def test_the_user_agent_names_the_program_its_version_and_a_contact() -> None:
    assert default_user_agent().startswith("Redline/")
    assert (
        FetchPolicy(contact="https://example.org/bot").identification
        == f"{default_user_agent()} (+https://example.org/bot)"
    )
    assert FetchPolicy(user_agent="Desk/1").identification == "Desk/1"
