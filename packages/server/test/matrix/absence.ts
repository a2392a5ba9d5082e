/** Whether a client is connected: what it sends waits while it is away. */
export class Absence {
  #back = Promise.resolve();
  #end = (): void => {};

  /** Resolves when it is here. */
  get back(): Promise<void> {
    return this.#back;
  }

  begin(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#back = promise;
    this.#end = resolve;
  }

  end(): void {
    this.#end();
  }
}
