import { attachmentStoreContract } from "./attachment-store.ts";
import { onEveryPostgres } from "./every-postgres.ts";

onEveryPostgres("attachment_contract", attachmentStoreContract);
