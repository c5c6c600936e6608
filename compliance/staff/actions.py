"""What this room writes into the trail. Accounts, groups and tokens appear as `user:3`, `group:2`, `token:7`."""

from django.utils.translation import gettext_lazy as _

from compliance.audit.actions import LABELS, action

SIGNED_IN = action("staff.signed_in", _("Signed in."))
SIGNED_OUT = action("staff.signed_out", _("Signed out."))
SIGN_IN_FAILED = action("staff.sign_in_failed", _("Sign-in failed for {account}: {count} within ten minutes."))
SIGN_IN_REFUSED = action(
    "staff.sign_in_refused",
    _("Sign-in refused after too many failures, nothing checked, for {account}: {count} within ten minutes."),
)
LOCK_LIFTED = action("staff.lock_lifted", _("Lock of sign-ins lifted ({lock}): {subject}."))
UNKNOWN = "unknown"
LABELS["account"] = lambda account: _("names that no account has") if account == UNKNOWN else ""
_LOCKED = {
    "user": _("an account"),
    "browser": _("a browser"),
    "name": _("a name that no account has"),
    "address": _("an address"),
}
LABELS["lock"] = lambda lock: _LOCKED.get(lock, "")
PASSWORD_GIVEN = action("staff.password_given", _("Password given; the second factor is still due."))
CONFIRMED = action("staff.confirmed", _("Confirmed who they are."))
SECOND_FACTOR_SET = action(
    "staff.second_factor_set", _("Second factor set up: {subject}; in place of another: {replaced}.")
)
SECOND_FACTOR_RESET = action(
    "staff.second_factor_reset", _("Second factor of {subject} reset, sessions ended; {reset_reason}.")
)
#: Why a second factor is reset. Stored words.
RESET_REASONS = {
    "lost": _("the device was lost or is broken"),
    "stolen": _("the device was stolen or may be in other hands"),
    "new": _("a new device, and the old one is gone"),
    "other": _("another reason"),
}
LABELS["reset_reason"] = lambda reason: RESET_REASONS.get(reason, "")
RECOVERY_CODES_MADE = action("staff.recovery_codes_made", _("New recovery codes made: {subject}."))
RECOVERY_CODE_USED = action("staff.recovery_code_used", _("Recovery code used by {subject}; left: {left}."))
LEFT = action(
    "staff.left", _("Account of somebody who left closed: {subject}; sessions ended: {sessions}, tokens: {tokens}.")
)
TOKEN_ISSUED = action("token.issued", _("Token issued: {subject} of {account}, for {scopes}, expires {expires_at}."))
TOKEN_REVOKED = action("token.revoked", _("Token revoked: {subject} of {account}."))
USER_ADDED = action(
    "user.added",
    _("Account added: {subject}; opens these pages: {is_staff}; superuser: {is_superuser}; service: {is_service}."),
)
USER_CHANGED = action("user.changed", _("Account changed: {subject} ({fields})."))
USER_DELETED = action("user.deleted", _("Account deleted: {subject}."))
PASSWORD_CHANGED = action("user.password_changed", _("Own password changed."))
PASSWORD_SET = action("user.password_set", _("Password set for {subject}."))
ROLES_GIVEN = action("user.roles_given", _("Roles given to {subject}: {roles}."))
ROLES_TAKEN = action("user.roles_taken", _("Roles taken from {subject}: {roles}."))
USER_PERMISSIONS_GIVEN = action("user.permissions_given", _("Permissions given to {subject}: {permissions}."))
USER_PERMISSIONS_TAKEN = action("user.permissions_taken", _("Permissions taken from {subject}: {permissions}."))
GROUP_ADDED = action("group.added", _("Role added: {role}."))
GROUP_CHANGED = action("group.changed", _("Role changed: {role} ({fields})."))
GROUP_DELETED = action("group.deleted", _("Role deleted: {role}."))
GROUP_PERMISSIONS_GIVEN = action("group.permissions_given", _("Permissions given to the role {role}: {permissions}."))
GROUP_PERMISSIONS_TAKEN = action("group.permissions_taken", _("Permissions taken from the role {role}: {permissions}."))
