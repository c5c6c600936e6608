"""The API's own description, and a page to read it. Both need no token."""

from drf_spectacular.renderers import OpenApiJsonRenderer2
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from .base import AlwaysFirst


class Schema(SpectacularAPIView):
    """OpenAPI, as JSON."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = [OpenApiJsonRenderer2]
    content_negotiation_class = AlwaysFirst
    custom_settings = {"POSTPROCESSING_HOOKS": []}  # enums stay where they are used, without invented names


class Page(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files. Script and style come from files alone, as the content policy wants."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = AlwaysFirst
    url_name = "api-schema"
    template_name = "api/docs.html"
