import { StartupError } from "../../../core/ports/startup-error.ts";

/** What the file system refused about the data directory, in words for the operator; any other error as it is. */
export function explainFileError(dataDir: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  switch ((error as NodeJS.ErrnoException).code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new StartupError(
        `The data directory ${dataDir} cannot be used (${error.message}). ` +
          "Give it to the user Parlance runs as, or set DATA_DIR to another directory.",
      );
    case "ENOSPC":
    case "EDQUOT":
      return new StartupError(
        `No space is left for the data directory ${dataDir} (${error.message}). Free some, or set DATA_DIR to another disk.`,
      );
    case "EEXIST":
    case "ENOTDIR":
      return new StartupError(
        `The data directory ${dataDir} cannot be made: something on its path is not a directory. Set DATA_DIR to another one.`,
      );
    default:
      return error;
  }
}
