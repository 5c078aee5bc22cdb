"""MediaService: uploads in parts, downloads by the right to read, and previews of links."""

from contextlib import aclosing

from mesh.caller import Caller
from mesh.stream import Stream
from parley.media.v1.media_service_pb2 import (
    AbortUploadRequest,
    AbortUploadResponse,
    CheckAvatarRequest,
    CheckAvatarResponse,
    CompleteUploadRequest,
    CompleteUploadResponse,
    CreateUploadRequest,
    CreateUploadResponse,
    DeleteMediaRequest,
    DeleteMediaResponse,
    GetDownloadRequest,
    GetDownloadResponse,
    GetMediaRequest,
    GetMediaResponse,
    GetQuotaRequest,
    GetQuotaResponse,
    GetUploadRequest,
    GetUploadResponse,
    ListMediaRequest,
    ListMediaResponse,
    PreviewLinkRequest,
    PreviewLinkResponse,
    ReadMediaRequest,
    ReadMediaResponse,
    UploadPartRequest,
    UploadPartResponse,
)
from svc_message.application.media.fetch import Fetching
from svc_message.application.media.own import OwnMedia
from svc_message.application.media.preview_link import Previews
from svc_message.application.media.rights import MediaRights
from svc_message.application.media.upload import Progress, Uploads
from svc_message.application.reading.history import page_size
from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import MediaLimits, ThumbnailSize
from svc_message.servicer import media_views, tokens


class MediaServicer:
    """RPCs of MediaService."""

    def __init__(
        self,
        uploads: Uploads,
        fetching: Fetching,
        own: OwnMedia,
        previews: Previews,
        rights: MediaRights,
        limits: MediaLimits,
    ) -> None:
        self._own = own
        self._uploads = uploads
        self._fetching = fetching
        self._previews = previews
        self._rights = rights
        self._limits = limits

    async def create_upload(self, request: CreateUploadRequest, caller: Caller) -> CreateUploadResponse:
        """Begin an upload."""
        claim = media_views.claim(request)
        begun = await self._uploads.begin(UserId(caller.user_id), request.request_id, claim)
        if isinstance(begun, Progress):
            return CreateUploadResponse(upload=media_views.upload(begun))
        return CreateUploadResponse(media=media_views.media(begun))

    async def get_upload(self, request: GetUploadRequest, caller: Caller) -> GetUploadResponse:
        """Say how far an upload is."""
        progress = await self._uploads.find(UserId(caller.user_id), request.media_id)
        return GetUploadResponse(upload=media_views.upload(progress))

    async def upload_part(self, request: UploadPartRequest, caller: Caller) -> UploadPartResponse:
        """Take a piece of a part."""
        received = await self._uploads.put(
            UserId(caller.user_id), request.media_id, request.part_number, request.offset, request.data
        )
        return UploadPartResponse(received_bytes=received)

    async def complete_upload(self, request: CompleteUploadRequest, caller: Caller) -> CompleteUploadResponse:
        """Make an upload a media."""
        media = await self._uploads.complete(UserId(caller.user_id), request.media_id)
        return CompleteUploadResponse(media=media_views.media(media))

    async def abort_upload(self, request: AbortUploadRequest, caller: Caller) -> AbortUploadResponse:
        """Give an upload up."""
        await self._uploads.abort(UserId(caller.user_id), request.media_id)
        return AbortUploadResponse()

    async def get_download(self, request: GetDownloadRequest, caller: Caller) -> GetDownloadResponse:
        """Say where a media can be fetched."""
        reference, size = media_views.reference(request), ThumbnailSize(request.size)
        found = await self._fetching.address(UserId(caller.user_id), request.media_id, reference, size)
        return GetDownloadResponse(
            url=found.url, expires_at_ms=found.expires_at_ms, media=media_views.media(found.media)
        )

    async def read_media(self, request: ReadMediaRequest, stream: Stream, caller: Caller) -> None:
        """Give the bytes of a media."""
        reference, size = media_views.reference(request), ThumbnailSize(request.size)
        span = (request.offset, request.length)
        user_id = UserId(caller.user_id)
        pieces = self._fetching.read(user_id, request.media_id, reference, size, span)
        async with self._fetching.seats.take(user_id) as seat, aclosing(pieces):
            async for offset, data in pieces:
                with seat.waiting():
                    await stream.write(ReadMediaResponse(offset=offset, data=data))

    async def get_media(self, request: GetMediaRequest, caller: Caller) -> GetMediaResponse:
        """Say what is known of a media."""
        reference = media_views.reference(request)
        found = await self._fetching.known(UserId(caller.user_id), request.media_id, reference)
        return GetMediaResponse(media=media_views.media(found))

    async def list_media(self, request: ListMediaRequest, caller: Caller) -> ListMediaResponse:
        """List the caller's own media."""
        before, size = tokens.word(request, caller), page_size(request.page_size)
        kinds = media_views.kinds(request) if request.kinds else None
        page, following = await self._own.page(UserId(caller.user_id), kinds, before, size)
        token = tokens.encode(request, caller, following)
        return ListMediaResponse(media=[media_views.media(one) for one in page], next_page_token=token)

    async def delete_media(self, request: DeleteMediaRequest, caller: Caller) -> DeleteMediaResponse:
        """Delete a media."""
        await self._fetching.delete(UserId(caller.user_id), request.media_id)
        return DeleteMediaResponse()

    async def get_quota(self, request: GetQuotaRequest, caller: Caller) -> GetQuotaResponse:
        """Say how much room the caller has."""
        return media_views.quota(await self._own.usage(UserId(caller.user_id)), self._limits)

    async def preview_link(self, request: PreviewLinkRequest, caller: Caller) -> PreviewLinkResponse:
        """Say what a web page says about itself."""
        page = await self._previews.of(UserId(caller.user_id), request.url, request.locale)
        return PreviewLinkResponse(
            title=page.title,
            description=page.description,
            site_name=page.site_name,
            image_media_id=page.image_media_id,
        )

    async def check_avatar(self, request: CheckAvatarRequest, caller: Caller) -> CheckAvatarResponse:
        """Say whether a user may take a media as a picture of a profile or group."""
        await self._rights.check_avatar(UserId(request.user_id), request.media_id)
        return CheckAvatarResponse()
