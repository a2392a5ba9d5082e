import type { ClientStorage } from "./storage-port.ts";

/** A browser's `localStorage`, or `sessionStorage`: some five megabytes, shared by the tabs of an origin. */
export function webStorage(storage: Storage = globalThis.localStorage): ClientStorage {
  return {
    list(prefix) {
      const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? "");
      return keys.filter((key) => key.startsWith(prefix)).map((key) => storage.getItem(key) ?? "");
    },
    get: (key) => storage.getItem(key),
    set(key, value) {
      storage.setItem(key, value);
    },
    delete(key) {
      storage.removeItem(key);
    },
  };
}

const STORE = "values";

/** A browser's IndexedDB: as much as the disk gives, without holding up the page. */
export function indexedDbStorage(
  name = "parlance",
  factory: IDBFactory = globalThis.indexedDB,
): ClientStorage {
  let opened: Promise<IDBDatabase> | undefined;
  const open = (): Promise<IDBDatabase> => {
    const request = factory.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return settled(request);
  };
  const run = async <T>(
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> => {
    opened ??= open();
    // One that could not be opened is tried again the next time.
    opened.catch(() => {
      opened = undefined;
    });
    const transaction = (await opened).transaction(STORE, mode);
    const result = await settled(work(transaction.objectStore(STORE)));
    if (mode === "readwrite") await committed(transaction);
    return result;
  };
  return {
    list: (prefix) => run("readonly", (store) => store.getAll(IDBKeyRange.bound(prefix, `${prefix}\uffff`))),
    get: async (key) => ((await run("readonly", (store) => store.get(key))) as string | undefined) ?? null,
    async set(key, value) {
      await run("readwrite", (store) => store.put(value, key));
    },
    async delete(key) {
      await run("readwrite", (store) => store.delete(key));
    },
  };
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  if (transaction.error !== null) return Promise.reject(transaction.error);
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
