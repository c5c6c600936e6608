"""Every address of the desk. The faces bring their own; apps are named by string."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("api/", include("erasure.api.urls")),
    path("", include("erasure.health")),
]
