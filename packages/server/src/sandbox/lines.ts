/** The chats and how each begins, in the order in which they are listed: the last one made comes first there. */
export const CHATS: readonly (readonly [name: string, hello: string])[] = [
  ["John", "Hey! Are you around later?"],
  ["Jessica", "I found the book you were looking for."],
  ["Matt", "Good match yesterday, wasn't it?"],
  ["Sarah", "Thanks again for the other day."],
];

const ANSWERS = [
  "Sounds good to me.",
  "Let me think about it.",
  "Ha, I was about to say the same.",
  "Really? Tell me more.",
  "Can we talk about it tomorrow?",
  "I have no idea, to be honest.",
  "Yes, please!",
  "Sorry, I was away. What did I miss?",
  "That made my day.",
  "I would rather not.",
  "Why not ask Sarah?",
  "On my way.",
] as const;

/** The same for the same message, whoever answers it. */
export function answerTo(messageId: number): string {
  return ANSWERS[messageId % ANSWERS.length] as string;
}
