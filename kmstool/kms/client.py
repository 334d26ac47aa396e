"""The client of a KMS, whichever transport leads to it: one typed method per action that kmstool uses."""

from __future__ import annotations

from kmstool.kms.asymmetric import AsymmetricActions
from kmstool.kms.ciphers import CipherActions
from kmstool.kms.data_keys import DataKeyActions
from kmstool.kms.keys import KeyActions
from kmstool.kms.lifecycle import LifecycleActions
from kmstool.kms.material import MaterialActions
from kmstool.kms.whitebox import WhiteBoxActions


class KmsClient(
    KeyActions, LifecycleActions, MaterialActions, CipherActions, DataKeyActions, AsymmetricActions, WhiteBoxActions
):
    """The KMS behind a transport.

    Every method raises what the transport raises, and `ServiceError` for an answer that
    lacks a field or has one of the wrong type.
    """
