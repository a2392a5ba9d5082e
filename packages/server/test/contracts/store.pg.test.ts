import { onEveryPostgres } from "./every-postgres.ts";
import { storeContract } from "./store.ts";

onEveryPostgres("contract", storeContract);
