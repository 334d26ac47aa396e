"""The client of a KMS, whichever transport leads to it: one typed method per action that kmstool uses."""

from __future__ import annotations

from kmstool.kms.calls.asymmetric import AsymmetricActions
from kmstool.kms.calls.byok import MaterialActions
from kmstool.kms.calls.crypt import CipherActions
from kmstool.kms.calls.data_keys import DataKeyActions
from kmstool.kms.calls.keys import KeyActions
from kmstool.kms.calls.states import LifecycleActions
from kmstool.kms.calls.white_box import WhiteBoxActions


class KmsClient(
    KeyActions, LifecycleActions, MaterialActions, CipherActions, DataKeyActions, AsymmetricActions, WhiteBoxActions
):
    """The KMS behind a transport.

    Every method raises what the transport raises, and `ServiceError` for an answer that
    lacks a field or has one of the wrong type.
    """
