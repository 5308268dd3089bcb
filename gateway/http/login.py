"""Who asks: an API key, a principal's own token, or a token of the OIDC issuer. Never a name alone."""

from dataclasses import dataclass

from gateway.front_access import API_KEY_PREFIX, hash_of
from gateway.http.oidc import OidcVerifier
from gateway.http.rates import Rates
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal
from proctor.contracts.identity_ports import ApiKeys, Identities
from proctor.contracts.people_ports import People

LONGEST_CREDENTIAL = 8192
DOTS_OF_A_JWT = 2


@dataclass(frozen=True)
class Login:
    """Finds the principal behind a credential, as the store knows it now."""

    people: People
    api_keys: ApiKeys
    identities: Identities
    rates: Rates
    oidc: OidcVerifier | None = None

    async def principal_of(self, credential: str, address: str) -> Principal:
        """Authenticate. A failure counts against the address.

        Raises:
            NotAuthorised: it lets nobody in; the message tells nothing of who exists.
            TooManyRequests: too many failures from this address.
            Unavailable: the store, or the issuer of OIDC tokens, does not answer.

        """
        self.rates.check_login(address, credential)
        try:
            principal = await self._find(credential)
        except NotAuthorised:
            self.rates.note_login(address, credential, is_good=False)
            raise
        self.rates.note_login(address, credential, is_good=True)
        return principal

    async def _find(self, credential: str) -> Principal:
        if not credential or len(credential) > LONGEST_CREDENTIAL or not credential.isascii():
            raise NotAuthorised("this credential lets nobody in", hint="it has a form that we never gave out")
        if credential.startswith(API_KEY_PREFIX):
            key_id, _, secret = credential.removeprefix(API_KEY_PREFIX).partition("_")
            return await self.api_keys.authenticate(key_id, hash_of(secret))
        if credential.count(".") == DOTS_OF_A_JWT:
            return await self._by_oidc(credential)
        return await self.people.authenticate(credential)

    async def _by_oidc(self, token: str) -> Principal:
        if self.oidc is None:
            raise NotAuthorised("OIDC tokens are not taken here", hint="set PROCTOR_OIDC_ISSUER and …_AUDIENCE")
        subject = await self.oidc.subject_of(token)
        principal = await self.identities.principal_of("oidc", subject)
        if principal is None:
            raise NotAuthorised("this subject is linked to no principal", hint="an owner links it: POST /v1/identities")
        return principal
