"""manage.py audit_key: the public key by which others check the trail."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from compliance.audit import seal


class Command(BaseCommand):
    help = "Prints the public key under which checkpoints of the trail are signed (a C2SP verifier key)."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--all", action="store_true", help="all keys that were ever in use, one a line, the oldest first"
        )
        which.add_argument("--rotate", action="store_true", help="go on under a new key, and print that")

        parser.add_argument(
            "--without-the-old-key",
            action="store_true",
            help="with --rotate, where the old key is lost: the new one alone vouches for all that the log now holds",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        alone = options["without_the_old_key"]
        if alone and not options["rotate"]:
            raise CommandError(_("--without-the-old-key goes with --rotate. Nothing was changed."), returncode=2)
        try:
            if options["rotate"]:
                keys = [seal.rotate(without_the_old_key=alone)]
            else:
                keys = seal.public_keys() if options["all"] else [seal.key_in_use()]
        except (ImproperlyConfigured, seal.LogDamaged) as error:
            raise CommandError(str(error)) from None
        for key in keys:
            self.stdout.write(key.verifier_key)
        if options["rotate"]:
            self.stderr.write(
                _(
                    "Checkpoints are signed with this key from now on. Hand it out to whoever checks the trail, and "
                    "back up the new file of AUDIT_SIGNING_KEY. Older checkpoints can still be checked: "
                    "audit_key --all prints every key there was."
                )
            )
        if alone:
            self.stderr.write(
                _(
                    "Where the old key has not signed too, nothing shows that the log before this key is the one that "
                    "was sealed. Tell whoever checks the trail why the old key is gone, and let them hold an anchored "
                    "or earlier checkpoint of their own against it (verify.py --checkpoint)."
                )
            )
