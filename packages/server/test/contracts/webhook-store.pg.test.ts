import { onEveryPostgres } from "./every-postgres.ts";
import { webhookStoreContract } from "./webhook-store.ts";

onEveryPostgres("webhook_contract", webhookStoreContract);
