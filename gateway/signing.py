"""The approver's own key: made and kept in the state folder, and used to sign what they decide."""

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.identity import LOCAL_PRINCIPALS, token_path, write_token
from proctor.contracts.approving import ApproverKey, key_text
from proctor.contracts.approving_ports import ApproverKeys
from proctor.contracts.errors import NotAuthorised, Refused
from proctor.contracts.human import HumanDecision, HumanRequest, Signature, decision_text
from proctor.contracts.ids import PrincipalName
from proctor.store.signatures import key_id_of


@dataclass(frozen=True, repr=False)
class Signer:
    """A person's private key."""

    principal: PrincipalName
    key: Ed25519PrivateKey

    @property
    def public_key(self) -> str:
        """The public half: 32 raw bytes in unpadded base64url."""
        return _encoded(self.key.public_key().public_bytes_raw())

    def signed(self, request: HumanRequest, decision: HumanDecision) -> HumanDecision:
        """Give the decision with the signature over exactly what it says of exactly this request."""
        return decision.model_copy(update={"signature": self._sign(decision_text(request, decision, self.principal))})

    def introduce(self, public_key: str) -> Signature:
        """Sign a new key of the same person, so that it counts at once."""
        return self._sign(key_text(public_key, self.principal))

    def _sign(self, text: bytes) -> Signature:
        return Signature(key_id=key_id_of(self.public_key), value=_encoded(self.key.sign(text)))


def key_path(state: Path, name: str) -> Path:
    """Give the file that holds the private key of a principal. Raises `NotAuthorised` for a name that leads away."""
    return token_path(state, name).with_suffix(".key")


def make_key(state: Path, name: PrincipalName) -> Signer:
    """Make a key and write it so that nobody else can read it, in the place of an earlier one. Raises `Unavailable`."""
    signer = Signer(name, Ed25519PrivateKey.generate())
    write_token(key_path(state, name), _encoded(signer.key.private_bytes_raw()))
    return signer


def find_signer(state: Path, name: PrincipalName) -> Signer | None:
    """Read the key of a principal; None when there is none here.

    Raises:
        NotAuthorised: its file may be read by others, or holds no key.

    """
    path = key_path(state, name)
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    except UnicodeError:
        text = ""
    if mode & 0o077:
        raise NotAuthorised(f"the key file {path} can be read by others", hint=f"chmod 600 {path}, and make a new key")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return Signer(name, Ed25519PrivateKey.from_private_bytes(raw))
    except ValueError as error:
        raise NotAuthorised(f"the file {path} holds no key", hint="make a new key") from error


async def enrol_key(keys: ApproverKeys, state: Path, name: PrincipalName) -> ApproverKey:
    """Register the key of a principal who is being set up here, made if there is none that can be used.

    For whoever may enrol principals (`check_may_enrol`): the key counts at once.
    """
    signer = find_signer(state, name) or make_key(state, name)
    try:
        return await keys.enrol(name, signer.public_key, label="state folder")
    except Refused:  # it is revoked, or was another's
        return await keys.enrol(name, make_key(state, name).public_key, label="state folder")


async def ensure_local_keys(keys: ApproverKeys, state: Path) -> list[ApproverKey]:
    """Register a key for each principal of a development stack; one that is registered already stays."""
    return [await enrol_key(keys, state, PrincipalName(name)) for name in LOCAL_PRINCIPALS]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
