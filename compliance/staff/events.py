"""What this room writes into the trail. Accounts, groups and tokens appear as `user:3`, `group:2`, `token:7`."""

from django.utils.translation import gettext_lazy as _

from compliance.audit.actions import action

action("token.issued", _("Token issued: {subject} of {account}, for {scopes}, expires {expires_at}."))
action("token.revoked", _("Token revoked: {subject} of {account}."))
action("user.added", _("Account added: {subject}."))
action("user.changed", _("Account changed: {subject} ({fields})."))
action("user.password_set", _("Password set for {subject}."))
action("group.added", _("Role added: {subject}."))
action("group.changed", _("Role changed: {subject} ({fields})."))
