/** Where webhooks may go. */
export interface WebhookTargets {
  /** Why nothing may be sent there, in words for who registers it; null: it may. Looks the host up. */
  refusalOf(url: string): Promise<string | null>;
}

export interface Answer {
  /** Null: there was none. */
  readonly status: number | null;
  /** The header of that name. */
  readonly retryAfter: string | null;
  /** The beginning of the answer, or why there was none. */
  readonly text: string;
}

/** Sends one request. Rejects only where `signal` says to stop. */
export type Post = (request: {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}) => Promise<Answer>;
