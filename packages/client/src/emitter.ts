type Listener = (payload: never) => void;

/** Typed events: `Events` says what each one tells. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener>>();

  /** Returns what takes the listener away again. */
  on<N extends keyof Events>(event: N, listener: (payload: Events[N]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set<Listener>();
    this.#listeners.set(event, listeners.add(listener as Listener));
    return () => listeners.delete(listener as Listener);
  }

  emit<N extends keyof Events>(event: N, payload: Events[N]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(payload as never);
      } catch (error) {
        // A listener's fault is nobody else's: it is reported as any uncaught error is.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
