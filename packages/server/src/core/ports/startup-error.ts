/** Why the server cannot start, in words for the one who starts it. Shown without a stack. */
export class StartupError extends Error {}
