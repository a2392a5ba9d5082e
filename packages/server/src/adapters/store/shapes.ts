/** A message `m` as the model has it, with what is looked up for it: why so stands at the shapes in migration 0003. */
export const MESSAGE_JSON = "message_json(m, (select u.name from users u where u.id = m.sender_id))";
