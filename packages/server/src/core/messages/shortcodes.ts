/** The emoji that people reach for by name, under the names they have in most chat programs. */
const TABLE = `
grinning 😀 smiley 😃 smile 😄 grin 😁 laughing 😆 satisfied 😆 sweat_smile 😅 rofl 🤣 joy 😂 slightly_smiling_face 🙂
upside_down_face 🙃 wink 😉 blush 😊 innocent 😇 smiling_face_with_three_hearts 🥰 heart_eyes 😍 star_struck 🤩 kissing_heart 😘
yum 😋 stuck_out_tongue 😛 stuck_out_tongue_winking_eye 😜 zany_face 🤪 money_mouth_face 🤑 hugs 🤗 shushing_face 🤫 thinking 🤔
zipper_mouth_face 🤐 raised_eyebrow 🤨 neutral_face 😐 expressionless 😑 no_mouth 😶 smirk 😏 unamused 😒 roll_eyes 🙄 grimacing 😬
relieved 😌 pensive 😔 sleepy 😪 sleeping 😴 mask 😷 nauseated_face 🤢 vomiting_face 🤮 sneezing_face 🤧 hot_face 🥵 cold_face 🥶
dizzy_face 😵 exploding_head 🤯 cowboy_hat_face 🤠 partying_face 🥳 sunglasses 😎 nerd_face 🤓 confused 😕 worried 😟 open_mouth 😮
astonished 😲 flushed 😳 pleading_face 🥺 fearful 😨 cold_sweat 😰 cry 😢 sob 😭 scream 😱 disappointed 😞 sweat 😓 weary 😩
tired_face 😫 yawning_face 🥱 triumph 😤 rage 😡 angry 😠 smiling_imp 😈 skull 💀 poop 💩 hankey 💩 clown_face 🤡 ghost 👻 alien 👽
robot 🤖 see_no_evil 🙈 hear_no_evil 🙉 speak_no_evil 🙊 kiss 💋 heart ❤️ orange_heart 🧡 yellow_heart 💛 green_heart 💚 blue_heart 💙
purple_heart 💜 black_heart 🖤 white_heart 🤍 brown_heart 🤎 broken_heart 💔 two_hearts 💕 sparkling_heart 💖 heartpulse 💗 cupid 💘
100 💯 boom 💥 collision 💥 dizzy 💫 sweat_drops 💦 dash 💨 zzz 💤 wave 👋 raised_hand ✋ ok_hand 👌 pinched_fingers 🤌 v ✌️
crossed_fingers 🤞 metal 🤘 call_me_hand 🤙 point_left 👈 point_right 👉 point_up_2 👆 point_down 👇 point_up ☝️ +1 👍 thumbsup 👍
-1 👎 thumbsdown 👎 fist ✊ facepunch 👊 punch 👊 clap 👏 raised_hands 🙌 open_hands 👐 handshake 🤝 pray 🙏 writing_hand ✍️ muscle 💪
brain 🧠 eyes 👀 eye 👁️ tongue 👅 facepalm 🤦 shrug 🤷 bow 🙇 raising_hand 🙋 dancer 💃 baby 👶 family 👪 detective 🕵️
dog 🐶 cat 🐱 mouse 🐭 rabbit 🐰 fox_face 🦊 bear 🐻 panda_face 🐼 lion 🦁 cow 🐮 pig 🐷 frog 🐸 monkey_face 🐵 chicken 🐔 penguin 🐧
bird 🐦 unicorn 🦄 bee 🐝 bug 🐛 butterfly 🦋 snail 🐌 turtle 🐢 snake 🐍 octopus 🐙 whale 🐳 dolphin 🐬 shark 🦈 crab 🦀 elephant 🐘
bouquet 💐 cherry_blossom 🌸 rose 🌹 sunflower 🌻 tulip 🌷 seedling 🌱 evergreen_tree 🌲 cactus 🌵 four_leaf_clover 🍀 maple_leaf 🍁
mushroom 🍄 earth_africa 🌍 earth_americas 🌎 earth_asia 🌏 full_moon 🌕 sunny ☀️ star ⭐ star2 🌟 sparkles ✨ cloud ☁️ rainbow 🌈
umbrella ☔ snowflake ❄️ snowman ⛄ zap ⚡ fire 🔥 ocean 🌊 apple 🍎 banana 🍌 lemon 🍋 watermelon 🍉 grapes 🍇 strawberry 🍓 peach 🍑
cherries 🍒 avocado 🥑 eggplant 🍆 hot_pepper 🌶️ bread 🍞 cheese 🧀 pizza 🍕 hamburger 🍔 fries 🍟 hotdog 🌭 taco 🌮 sushi 🍣 egg 🥚
popcorn 🍿 doughnut 🍩 cookie 🍪 cake 🍰 birthday 🎂 chocolate_bar 🍫 icecream 🍦 coffee ☕ tea 🍵 beer 🍺 beers 🍻 wine_glass 🍷
cocktail 🍸 champagne 🍾 clinking_glasses 🥂 soccer ⚽ basketball 🏀 football 🏈 baseball ⚾ tennis 🎾 trophy 🏆 medal_sports 🏅
1st_place_medal 🥇 dart 🎯 video_game 🎮 game_die 🎲 guitar 🎸 musical_note 🎵 notes 🎶 microphone 🎤 headphones 🎧 art 🎨 movie_camera 🎥
car 🚗 taxi 🚕 bus 🚌 ambulance 🚑 fire_engine 🚒 bike 🚲 train 🚆 airplane ✈️ rocket 🚀 ship 🚢 anchor ⚓ construction 🚧 house 🏠
office 🏢 hospital 🏥 school 🏫 tent ⛺ watch ⌚ phone ☎️ iphone 📱 computer 💻 keyboard ⌨️ bulb 💡 battery 🔋 camera 📷 tv 📺
hourglass ⌛ alarm_clock ⏰ calendar 📆 date 📅 book 📖 books 📚 newspaper 📰 bookmark 🔖 moneybag 💰 dollar 💵 credit_card 💳 gem 💎
email 📧 envelope ✉️ inbox_tray 📥 outbox_tray 📤 package 📦 memo 📝 pencil2 ✏️ paperclip 📎 pushpin 📌 round_pushpin 📍 scissors ✂️
lock 🔒 unlock 🔓 key 🔑 hammer 🔨 wrench 🔧 gear ⚙️ link 🔗 bell 🔔 no_bell 🔕 mega 📣 loudspeaker 📢 mag 🔍 bar_chart 📊
chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 clipboard 📋 wastebasket 🗑️ gift 🎁 balloon 🎈 tada 🎉 confetti_ball 🎊
christmas_tree 🎄 jack_o_lantern 🎃 crown 👑 ring 💍 lipstick 💄 tophat 🎩 eyeglasses 👓 briefcase 💼 warning ⚠️ no_entry ⛔
no_entry_sign 🚫 x ❌ white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ question ❓ exclamation ❗ bangbang ‼️
heavy_plus_sign ➕ heavy_minus_sign ➖ recycle ♻️ red_circle 🔴 large_blue_circle 🔵 green_circle 🟢 yellow_circle 🟡 ok 🆗 new 🆕
cool 🆒 free 🆓 up 🆙 sos 🆘 arrow_up ⬆️ arrow_down ⬇️ arrow_left ⬅️ arrow_right ➡️ repeat 🔁 white_flag 🏳️ checkered_flag 🏁
rainbow_flag 🏳️‍🌈 pirate_flag 🏴‍☠️ hourglass_flowing_sand ⏳ melting_face 🫠 saluting_face 🫡 heart_hands 🫶
`;

/** `:name:` → emoji. */
export const SHORTCODES: ReadonlyMap<string, string> = new Map(
  Array.from(TABLE.matchAll(/(\S+) (\S+)/g), ([, name, emoji]) => [`:${name}:`, emoji as string]),
);
