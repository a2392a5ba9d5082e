import { pino } from "pino";
import type { Config } from "../config.ts";
import type { Log } from "../core/ports/log.ts";
import { redact, redactText } from "./redact.ts";

/** Where lines go, one call per line with its newline. */
export interface LogSink {
  write(line: string): void;
}

/** One JSON object a line, or with `pretty` a line for people; secrets and content are taken out of both. */
export function createLog({ logLevel }: Pick<Config, "logLevel">, sink: LogSink, pretty: boolean): Log {
  const logger = pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (level) => ({ level }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      // pino would serialise errors under these names itself, with all their fields.
      serializers: { err: redact, error: redact },
    },
    pretty ? { write: (line: string) => sink.write(forPeople(line)) } : sink,
  );
  return {
    debug: (fields, message) => logger.debug(fields, redactText(message)),
    info: (fields, message) => logger.info(fields, redactText(message)),
    warn: (fields, message) => logger.warn(fields, redactText(message)),
    error: (fields, message) => logger.error(fields, redactText(message)),
  };
}

function forPeople(line: string): string {
  const { level, time, msg, error, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const failure = (error ?? err) as { stack?: string; message?: string } | undefined;
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const head = [
    String(time).slice(11, 23),
    String(level).toUpperCase().padEnd(5),
    escapeControls(msg),
    ...fields,
  ].join(" ");
  return failure === undefined
    ? `${head}\n`
    : `${head}\n  ${failure.stack ?? failure.message ?? JSON.stringify(failure)}\n`;
}

/** A name with a newline or a terminal's control sequence in it must not look like a line of ours. */
function escapeControls(message: unknown): string {
  return String(message).replace(/\p{Cc}/gu, (sign) => JSON.stringify(sign).slice(1, -1));
}
