"""What this room writes into the trail. The keys of the ring appear by their ids, as `ring_key:4f…`."""

from django.utils.translation import gettext_lazy as _

from compliance.audit.actions import action

KEY_ADDED = action("vault.key_added", _("Key of the key ring put on record: {subject}."))
KEY_ACTIVATED = action("vault.key_activated", _("Keys rotated: personal data goes under {subject} from now on."))
KEY_RETIRED = action(
    "vault.key_retired", _("Key of the key ring destroyed: nothing opens any more what {subject} had wrapped.")
)
