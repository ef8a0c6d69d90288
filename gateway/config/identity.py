"""Who we are and what we offer: parties, their business details, and the backend with its modules."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.config.values import BaseUrl, HeaderSecret, ModuleName, Section, TokenSecret, Url, UrlPath
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import InterfaceRole, Role

_Upper = AfterValidator(str.upper)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_OneOrMany = BeforeValidator(_as_list, json_schema_input_type=InterfaceRole | tuple[InterfaceRole, ...])


class ImageCategory(StrEnum):
    """What an image shows (OCPI 2.2.1, locations, ImageCategory enum)."""

    CHARGER = "CHARGER"
    ENTRANCE = "ENTRANCE"
    LOCATION = "LOCATION"
    NETWORK = "NETWORK"
    OPERATOR = "OPERATOR"
    OTHER = "OTHER"
    OWNER = "OWNER"


class Image(Section):
    """A logo (OCPI 2.2.1, locations, Image class)."""

    url: Url = Field(description="Where the image can be fetched.")
    thumbnail: Url | None = Field(default=None, description="Where a small version of it can be fetched.")
    category: ImageCategory = Field(default=ImageCategory.OPERATOR, description="What the image shows.")
    type: str = Field(
        pattern=r"^[A-Za-z0-9]{1,4}$", description="File type, at most 4 characters: png, jpeg, gif or svg."
    )
    width: int | None = Field(default=None, ge=1, le=99999, description="Width in pixels.")
    height: int | None = Field(default=None, ge=1, le=99999, description="Height in pixels.")


class BusinessDetails(Section):
    """The company behind a party (OCPI 2.2.1, locations, BusinessDetails class)."""

    name: str = Field(min_length=1, max_length=100, description="Name of the company, at most 100 characters.")
    website: Url | None = Field(
        default=None, description="Its website. Some partners refuse credentials without one: configure it."
    )
    logo: Image | None = Field(
        default=None,
        description="Its logo. Some partners refuse credentials without logo and thumbnail: configure both, as png.",
    )


class OurParty(Section):
    """One party and role that we are."""

    role: Role = Field(description="The role we have as this party.")
    country_code: Annotated[str, _Upper] = Field(
        pattern=r"^[A-Za-z]{2}$", description="ISO 3166-1 alpha-2 country code, two letters."
    )
    party_id: Annotated[str, _Upper] = Field(
        pattern=r"^[A-Za-z0-9]{3}$", description="Party id within that country, three letters or digits."
    )
    business_details: BusinessDetails = Field(description="The company behind this party, as partners will see it.")

    @property
    def party(self) -> Party:
        """Country code and party id as one value."""
        return Party(self.country_code, self.party_id)


class Module(Section):
    """One OCPI module that the backend offers."""

    roles: Annotated[tuple[InterfaceRole, ...], _OneOrMany] = Field(
        alias="role",
        min_length=1,
        description="The side or sides of the module that the backend implements, one word or a list.",
    )
    path: UrlPath | None = Field(
        default=None, description="Path of this module, appended to `backend.url`; `/<module>` unless given."
    )


class Backend(Section):
    """The legacy system behind the gateway."""

    url: BaseUrl = Field(description="Where authenticated partner traffic goes; http or https.")
    authorization: HeaderSecret = Field(
        description="The whole Authorization header value that the legacy system expects. Secret."
    )
    egress_token: TokenSecret = Field(
        description="What the legacy system presents to us on the private listener: at most 64 characters. Secret."
    )
    modules: dict[ModuleName, Module] = Field(
        default_factory=dict,
        description="What we offer to partners: OCPI module id, or one of your own, to its settings.",
    )

    def path_of(self, module: str) -> str:
        """The path of a configured module below `url`, such as `/locations`.

        Raises:
            KeyError: the module isn't configured.
        """
        path = self.modules[module].path
        return f"/{module}" if path is None else path

    @property
    def interfaces(self) -> tuple[tuple[str, InterfaceRole], ...]:
        """Each offered module with each of its interface roles, in the order of the file."""
        return tuple((name, role) for name, module in self.modules.items() for role in dict.fromkeys(module.roles))
