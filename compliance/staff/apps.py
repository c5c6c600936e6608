from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AdminConfig(admin.AdminConfig):
    """Django's admin with the desk's own site in place of the stock one."""

    default = False  # `compliance.staff` in INSTALLED_APPS means StaffConfig
    default_site = "compliance.staff.site.Site"


class StaffConfig(AppConfig):
    """Who may do what: accounts, roles, service tokens."""

    name = "compliance.staff"
    label = "staff"
    verbose_name = _("People and access")
    default = True

    def ready(self) -> None:
        from compliance.staff import changes, checks, roles, sign_ins

        checks.register()
        changes.listen()
        sign_ins.listen()
        post_migrate.connect(roles.make_roles, dispatch_uid="staff.make_roles")
