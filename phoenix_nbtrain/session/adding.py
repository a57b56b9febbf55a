"""Images' way into the draft: read, kept on this computer, listed; sending comes behind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace

from phoenix_nbtrain import catalog
from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.dataset import edits, intake, left_out
from phoenix_nbtrain.dataset.edits import Applied
from phoenix_nbtrain.dataset.intake import FoundImage
from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.dataset.report import AddReport
from phoenix_nbtrain.draft import Draft, ImageRow, new_image_id
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.session.editing import Editing, EditReply
from phoenix_nbtrain.session.match_remote import Learned, recall, recognise, strangers
from phoenix_nbtrain.session.service import Service
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.telling import warn
from phoenix_nbtrain.text import as_sentence, shown

__all__ = ["AddReport", "Adding"]


class Adding:
    """Adds and replaces images of one draft."""

    def __init__(
        self,
        live: StateStore,
        editing: Editing,
        contents: Contents,
        *,
        service: Service,
        journal: Journal,
    ) -> None:
        self._live = live
        self._editing = editing
        self._contents = contents
        self.service = service
        self._journal = journal

    def add(self, source: object, *, recursive: bool = False, again: bool = False) -> AddReport:
        """Add what ``source`` holds, all or nothing as to how many a training takes.

        What is there already is not added again; if the service had refused it, it is tried anew.
        What a person removed is left out unless ``again``.

        Raises:
            InputError: the source cannot be read, or holds too many; nothing was added.
        """
        draft = self._learn(recall(self._live.state.draft, self._uploads()))
        looked = intake.look(
            source,
            room=catalog.IMAGES_MAX - len(draft.images),
            spare=len(strangers(draft)),
            known=_known(draft).keys() | _left_out(draft, again),
            recursive=recursive,
        )
        learned = recognise(
            draft,
            looked.images,
            service=self.service,
            kept=self._contents,
            runner=self._live.runner,
        )
        draft = self._learn(learned)
        taken = intake.sort(
            looked,
            room=catalog.IMAGES_MAX - len(draft.images),
            known=_known(draft),
            names={row.name for row in draft.images},
            left_out=_left_out(draft, again),
        )
        # Side by side, since each is on disk before it counts, and a disk takes many at once.
        kept = [self._live.runner.submit("io", self._row, p) for p in taken.images]
        rows = [row.result() for row in kept]
        standing = {fate.image_id for fate in taken.fates if fate.fate == "already there"}
        urls = {p.key: p.url for p in looked.images if p.url is not None}
        ids: list[str | None] = []

        def change(draft: Draft) -> Applied:
            # Another kernel may have added or removed the same images since: what stands decides.
            there, out = _known(draft), _left_out(draft, again)
            new = [row for row in rows if not {row.keys[0]} & (there.keys() | out)]
            # Under its old id an image is in its pairs again.
            back = left_out.ids(draft) if again else {}
            new = [replace(row, image_id=back.get(row.keys[0], row.image_id)) for row in new]
            landed = {row.keys[0]: row.image_id for row in new}
            ids[:] = [(there | landed).get(row.keys[0]) for row in rows]
            if len(draft.images) + len(new) > catalog.IMAGES_MAX:
                raise InputError(
                    f"A training can have {catalog.IMAGES_MAX} images and has {len(draft.images)}.",
                    remedy=f"{len(new)} more do not fit; nothing was added.",
                )
            tried = _tried_anew(draft, standing | set(ids), urls, again=again)
            return edits.insert_images(tried, new)

        self._editing.apply(change).result()
        return taken.report(ids, problem=learned.problem)

    def _uploads(self) -> dict[str, str]:
        return self._journal.uploads(
            origin=self._live.origin,
            project=self.service.project_id or "",
            model_id=self._live.model_id,
        )

    def _learn(self, learned: Learned) -> Draft:
        return self._live.change(learned.applied).result()

    def remove(self, images: Sequence[str]) -> Future[EditReply]:
        """Take images out of the draft, by id or name, all or none. Never blocks.

        One that was removed before may be named again.
        """
        removed = left_out.Names(self._live.state.draft)
        rows = [self._find(image) for image in images if image not in removed]
        return self._editing.do(
            [{"op": "delete", "table": "images", "row": row.image_id} for row in rows]
        )

    def _find(self, image: str) -> ImageRow:
        return Lookup(self._live.state.draft.images, refused=InputError).find(image)

    def replace(self, image: str, source: object) -> None:
        """Put the one image that ``source`` holds in an image's place; see `Training.replace`."""
        draft = self._live.state.draft
        if image in left_out.Names(draft):
            warn(f"{shown(image, 60)} was removed from the dataset, so it was not replaced.")
            return
        row = self._find(image)
        others = {key: i for key, i in _known(draft).items() if i != row.image_id}
        taken = intake.take(source, room=1, known=others, names=set(), recursive=False)
        if len(taken.images) != 1:
            raise InputError(_not_replaced(row.name, taken, draft))
        new = self._row(taken.images[0])

        def change(draft: Draft) -> Applied:
            stands = draft.image.get(row.image_id)
            if stands is None or new.keys[0] in stands.keys:
                return Applied(draft=draft)
            # Added, then taken out, rather than put in place by the service: what that would do
            # to pairs is not stated, and here the pairs, which name the row, stay whatever it does.
            gone = {stands.asset_id} if stands.asset_id else set()
            replaced = replace(
                new,
                image_id=stands.image_id,
                name=stands.name,
                caption=stands.caption,
                replaces=stands.asset_id if stands.attached else stands.replaces,
            )
            after = draft.with_images({stands.image_id: replaced})
            after = replace(
                after,
                revision=draft.revision + 1,
                removed=draft.removed | gone,
                left_out_pairs=left_out.moved(draft.left_out_pairs, stands, replaced),
            )
            after, inverse = left_out.noted(draft, after, taken_out=True)
            at = draft.images.index(stands)
            return Applied(
                draft=after,
                accepted=(0,),
                inverse=(
                    {"op": "delete", "table": "images", "row": stands.image_id},
                    {"op": "restore", "table": "images", "at": at, "rows": [stands]},
                    *inverse,
                ),
            )

        self._editing.apply(change).result()

    def _row(self, image: FoundImage) -> ImageRow:
        row = ImageRow(image_id=new_image_id(), name=image.name, caption=image.caption)
        if image.asset_id is not None:
            return replace(row, asset_id=image.asset_id)
        if image.url is not None:
            return replace(row, url=image.url, url_key=image.key)
        content, header = image.read(), image.header
        return replace(
            row,
            width=header.width if header else None,
            height=header.height if header else None,
            bytes=len(content),
            content_hash=self._contents.put(content),
        )


def _not_replaced(name: str, taken: intake.Intake, draft: Draft) -> str:
    fate = taken.fates[0] if taken.fates else None
    same = draft.image.get(fate.image_id or "") if fate else None
    if same is not None:
        why = (
            f"that image is already in the dataset, as {shown(same.name, 50)}. Choose another one."
        )
    elif fate is not None and fate.reason:
        why = fate.reason
    else:
        why = "it contains no image. Choose one."
    return as_sentence(f"{shown(name, 50)} was not replaced: {why}", 200)


def _known(draft: Draft) -> dict[str, str]:
    """Return image ids by everything that tells an image from others."""
    return {key: row.image_id for row in draft.images for key in row.keys}


def _left_out(draft: Draft, again: bool) -> frozenset[str]:
    """Return what tells the images that are not to be added: none where all are wanted."""
    return frozenset() if again else left_out.keys(draft)


def _tried_anew(
    draft: Draft, image_ids: Collection[str | None], urls: Mapping[str, str], *, again: bool
) -> Draft:
    """Return the draft with these rows waiting again, where the service has not taken them.

    What somebody else removed or changed there waits for a choice, which ``again`` is. An address
    that was let go of, since there was an asset, is taken from ``urls`` once more: the asset may be
    gone.
    """
    rows = {
        row.image_id: row.mended(url=row.url or urls.get(row.url_key or ""))
        for row in draft.images
        if row.image_id in image_ids and not row.attached and (again or not row.waits)
    }
    return draft.with_images(rows) if rows else draft
