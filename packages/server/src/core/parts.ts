import type { FileLimits } from "./attachments/upload-attachment.ts";
import type { ContentLimits } from "./messages/content.ts";
import type { Tails } from "./messages/tails.ts";
import type { AttachmentStore } from "./ports/attachment-store.ts";
import type { Blobs } from "./ports/blobs.ts";
import type { Bus } from "./ports/bus.ts";
import type { FileIntake } from "./ports/file-intake.ts";
import type { PeopleStore } from "./ports/people-store.ts";
import type { Queue } from "./ports/queue.ts";
import type { Ids, Reader } from "./ports/reader.ts";
import type { SearchStore } from "./ports/search-store.ts";
import type { WebhookRegister } from "./ports/webhook-store.ts";
import type { WebhookTargets } from "./ports/webhook-targets.ts";
import type { Writer } from "./ports/writer.ts";
import type { Presence } from "./presence/presence.ts";
import type { Typing } from "./presence/typing.ts";
import type { RateLimit } from "./rate-limits.ts";
import type { Recent } from "./recent.ts";
import type { Standings } from "./standings.ts";
import type { UserDirectory } from "./users/user-directory.ts";

/** What the use cases work with. Each takes the few it needs. */
export interface Parts {
  readonly reader: Reader;
  readonly writer: Writer;
  /** Which is the direct conversation of a pair, as `pairOf` names it. */
  readonly directs: Recent<string, number>;
  readonly queue: Queue;
  readonly ids: Ids;
  readonly people: PeopleStore;
  readonly bus: Pick<Bus, "publish">;
  readonly users: UserDirectory;
  readonly standings: Standings;
  readonly tails: Tails;
  readonly presence: Presence;
  readonly typing: Typing;
  readonly messageLimit: RateLimit;
  readonly reactionLimit: RateLimit;
  readonly attachments: AttachmentStore;
  readonly blobs: Blobs;
  readonly search: Pick<SearchStore, "search">;
  readonly intake: FileIntake;
  readonly uploadLimit: RateLimit;
  readonly fileLimits: FileLimits;
  readonly contentLimits: ContentLimits;
  readonly webhooks: WebhookRegister;
  readonly webhookTargets: WebhookTargets;
  readonly maxParticipants: number;
}
