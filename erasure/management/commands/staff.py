from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.staff import accounts, actions, second_factor, tokens
from compliance.staff.models import Authenticator, User
from erasure import absences, handover
from erasure.models import Absence, Case

BY = "system:command"


class Command(BaseCommand):
    help = _("People: who there is, what to do when somebody leaves, and when somebody has lost their second factor.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("list", help=_("every account, its roles and when it last signed in"))
        leave = commands.add_parser("leave", help=_("close an account: nobody gets in with it any more, at once"))
        leave.add_argument("account", metavar="USER")
        leave.add_argument("--hand-over-to", metavar="USER", help=_("who looks after their cases from now on"))
        leave.add_argument(
            "--revoke-tokens-of",
            metavar="ACCOUNT",
            action="append",
            default=[],
            help=_("a service account whose tokens the person knew; give it once for each"),
        )
        self._asks(leave)
        reset = commands.add_parser("reset-second-factor", help=_("somebody has lost it: they set up a new one"))
        reset.add_argument("account", metavar="USER")
        reset.add_argument("--reason", choices=actions.RESET_REASONS, default="lost")
        self._asks(reset)

    @staticmethod
    def _asks(parser: ArgumentParser) -> None:
        parser.add_argument("--no-input", action="store_false", dest="interactive", help=_("do not ask whether to"))

    def handle(self, *args: Any, **options: Any) -> None:
        match options["command"]:
            case "list":
                self._list()
            case "leave":
                self._leave(options)
            case "reset-second-factor":
                self._reset(options)

    # --- list

    def _list(self) -> None:
        with_factor = set(Authenticator.objects.filter(confirmed=True).values_list("user_id", flat=True))
        for account in User.objects.prefetch_related("groups").order_by("-is_active", "is_service", "username"):
            self.stdout.write("\t".join((account.username, self._state(account), *self._facts(account, with_factor))))

    @staticmethod
    def _state(account: User) -> str:
        if not account.is_active:
            return _("closed")
        if account.is_service:
            return _("service account")
        return _("in use") if account.is_staff else _("cannot sign in: no staff status")

    @staticmethod
    def _facts(account: User, with_factor: set[int]) -> list[str]:
        if account.is_service:
            count = tokens.living().filter(account=account).count()
            return [ngettext("%(count)d token", "%(count)d tokens", count) % {"count": count}]
        roles = ["superuser"] if account.is_superuser else []
        roles += sorted(group.name for group in account.groups.all())
        at = account.last_login and localtime(account.last_login).isoformat(" ", "minutes")
        return [
            ", ".join(roles) or _("no role"),
            _("second factor") if account.pk in with_factor else _("no second factor"),
            _("signed in %(at)s") % {"at": at} if at else _("never signed in"),
        ]

    # --- leave

    def _leave(self, options: dict[str, Any]) -> None:
        account = self._account(options["account"])
        to = self._account(options["hand_over_to"]) if options["hand_over_to"] else None
        if to and (to.pk == account.pk or to.is_service or not (to.is_active and to.is_staff)):
            raise CommandError(_("%(name)s cannot take over cases: name a person who signs in.") % {"name": to})
        known = [self._account(name, service=True) for name in options["revoke_tokens_of"]]
        held = handover.held_by(account)
        if not self._confirmed(options, _("Close the account %(name)s?") % {"name": account}):
            return
        try:
            closed = accounts.close(account, actor=BY, tokens_of=known)
        except accounts.NotClosed as error:
            raise CommandError(str(error)) from None
        handover.end_absences(held, by=BY)
        self._say_closed(account, closed)
        self._say_held(held, handover.hand_over(held, to, by=BY) if to else 0, to)
        self._say_left_over()

    def _say_closed(self, account: User, closed: accounts.Closed) -> None:
        say = self.stdout.write
        say(_("%(name)s cannot sign in any more.") % {"name": account})
        ended = ngettext("%(count)d session ended.", "%(count)d sessions ended.", closed.sessions)
        say(ended % {"count": closed.sessions})
        if closed.roles:
            say(_("Roles taken away: %(roles)s.") % {"roles": ", ".join(closed.roles)})
        if closed.tokens:
            say(_("Tokens revoked: %(tokens)s.") % {"tokens": _hints(closed.tokens)})

    def _say_held(self, held: handover.Held, count: int, to: User | None) -> None:
        say = self.stdout.write
        if to:
            text = ngettext("%(count)d case is with %(to)s now.", "%(count)d cases are with %(to)s now.", count)
            say(text % {"count": count, "to": to})
        else:
            self._say_cases(_("Still in their hands; choose another handler:"), held.handled)
            self._say_cases(_("Drafts that nobody else looks after:"), held.drafts)
        self._say_cases(_("Nobody is left who may approve these plans:"), held.stuck)
        for absence in held.deputising:
            text = _("%(who)s has no deputy any more from %(from)s to %(until)s; record another.")
            say(text % _days(absence))

    def _say_cases(self, heading: str, cases: Iterable[Case]) -> None:
        if lines := [f"  {case.reference}  {case.due_on.isoformat()}  {case.get_status_display()}" for case in cases]:
            self.stdout.write("\n".join((heading, *lines)))

    def _say_left_over(self) -> None:
        if living := list(tokens.living().select_related("account").order_by("account__username", "pk")):
            names = ", ".join(f"{token.account} …{token.hint}" for token in living)
            text = _("These tokens still work: %(tokens)s. If the person knew one, run this again with %(option)s.")
            self.stdout.write(text % {"tokens": names, "option": "--revoke-tokens-of"})
        if absences.approvers().count() < 2:
            self.stdout.write(_("Fewer than two people can approve plans now: give somebody the role approver."))

    # --- reset-second-factor

    def _reset(self, options: dict[str, Any]) -> None:
        account = self._account(options["account"], service=False)
        if not self._confirmed(options, _("Reset the second factor of %(name)s?") % {"name": account}):
            return
        second_factor.reset(account, by=None, reason=options["reason"])
        text = _(
            "The second factor of %(name)s was reset and all sessions ended. A new one is set up at the next sign-in."
        )
        self.stdout.write(text % {"name": account})

    # --- both

    def _account(self, name: str, *, service: bool | None = None) -> User:
        account = User.objects.filter(username=User.normalize_username(name)).first()
        if account is None:
            text = _("There is no account “%(name)s”. Nothing was changed. %(command)s shows all.")
            raise CommandError(text % {"name": name, "command": "manage.py staff list"})
        if service is not None and account.is_service != service:
            text = _("“%(name)s” is no service account. Nothing was changed.")
            if not service:
                text = _("“%(name)s” is a service account. Nothing was changed.")
            raise CommandError(text % {"name": name})
        return account

    def _confirmed(self, options: dict[str, Any], question: str) -> bool:
        if not options["interactive"]:
            return True
        try:
            answer = input(_("%(question)s Type “yes”: ") % {"question": question})
        except EOFError:
            answer = ""
        if answer.strip().lower() in ("yes", _("yes")):
            return True
        raise CommandError(_("Nothing was changed. (Without a terminal: %(option)s.)") % {"option": "--no-input"})


def _hints(found: Iterable[Any]) -> str:
    return ", ".join(f"…{token.hint}" for token in found)


def _days(absence: Absence) -> dict[str, Any]:
    return {"who": absence.person, "from": absence.from_on.isoformat(), "until": absence.until_on.isoformat()}
