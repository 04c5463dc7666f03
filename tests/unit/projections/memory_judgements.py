"""A small memory of an agent that keeps a web shop running, and what should be found in it.

Grades: 3 answers the question as things stand now, 2 helps, 1 belongs to it. What was true once
and is not any more is worth less than what replaced it.
"""

__all__ = ["QUESTIONS", "RECORDS"]

F, S, E = "fact", "summary", "episode"

RECORDS = (
    # id, kind, days ago, words
    ("deploy-friday", F, 200, "Deploys of the shop happen on Fridays at noon."),
    ("deploy-tuesday", F, 12, "Deploys of the shop happen on Tuesdays now, no longer on Fridays."),
    (
        "deploy-run",
        E,
        40,
        "user: deploy the shop\nassistant: I ran the deploy script, it took four "
        "minutes and all checks were green.",
    ),
    (
        "deploy-fail",
        E,
        9,
        "user: the deploy failed\nassistant: the deploy of the shop stopped because "
        "the disk of the build machine was full. I removed old images and started it "
        "again.",
    ),
    (
        "deploy-summary",
        S,
        8,
        "The shop was deployed twice in the week; once the disk of the build machine was full.",
    ),
    (
        "rollback",
        F,
        90,
        "To roll back a deploy, run `make rollback` with the number of the release.",
    ),
    ("db-main", F, 150, "The main database is PostgreSQL 14 on the host db-1."),
    ("db-upgrade", F, 20, "The main database was upgraded to PostgreSQL 16; the host is db-2."),
    (
        "db-run",
        E,
        21,
        "user: upgrade the database\nassistant: I took a backup of the database, "
        "upgraded PostgreSQL from 14 to 16 on the host db-2 and moved the shop over.",
    ),
    (
        "db-slow",
        E,
        60,
        "user: the database is slow\nassistant: a query of the report on orders had "
        "no index. I added one and the query takes 20 ms.",
    ),
    (
        "db-backup",
        F,
        100,
        "Backups of the database are made every night at two and kept for thirty days.",
    ),
    (
        "backup-restore",
        E,
        33,
        "user: test a backup\nassistant: I restored the backup of last night on a "
        "spare host; all tables were there after eleven minutes.",
    ),
    (
        "backup-key",
        F,
        33,
        "The key that backups are encrypted with is in the vault under ops/backup.",
    ),
    ("ann-likes", F, 70, "Ann, who owns the product, wants short answers in German."),
    (
        "ann-mail",
        E,
        15,
        "user: write to Ann\nassistant: I sent Ann a short note in German about the "
        "delay of the sale.",
    ),
    ("bob-likes", F, 65, "Bob from support wants every answer with the number of the ticket."),
    ("bob-away", F, 5, "Bob is away until the end of the month; Cy does support for him."),
    ("cy", F, 300, "Cy is the name of the night watch of the data centre."),
    (
        "sale-plan",
        S,
        30,
        "The winter sale begins on the first of December; prices go down by a fifth, "
        "shoes by a third.",
    ),
    ("sale-moved", F, 6, "The winter sale begins one week later, on the eighth of December."),
    (
        "sale-talk",
        E,
        31,
        "user: when is the sale?\nassistant: the winter sale begins on the first of December.",
    ),
    (
        "sale-summer",
        S,
        180,
        "The summer sale sold nine thousand pairs of shoes; the shop was slow on its first day.",
    ),
    ("shoes", F, 110, "Shoes are sent from the store in Graz, all other goods from Linz."),
    (
        "shoes-return",
        E,
        50,
        "user: how many shoes come back?\nassistant: one pair of shoes in eight is "
        "returned, most of them because the size is wrong.",
    ),
    (
        "size-chart",
        F,
        48,
        "The chart of shoe sizes is wrong for boots; tell customers to order one size larger.",
    ),
    ("payment-provider", F, 400, "Cards are charged by the payment provider Northpay."),
    (
        "payment-change",
        F,
        14,
        "Since this month cards are charged by the payment provider Eastpay instead of Northpay.",
    ),
    (
        "payment-error",
        E,
        13,
        "user: payments fail\nassistant: Eastpay answered with error 402 because the "
        "new key was not set. I set it and payments work.",
    ),
    ("payment-key", F, 13, "The key of Eastpay is in the vault under pay/eastpay."),
    ("refund", F, 120, "A refund above 500 euros needs the word of Ann."),
    (
        "refund-run",
        E,
        44,
        "user: refund order 7781\nassistant: the refund of order 7781 was 80 euros, "
        "so I made it at once.",
    ),
    (
        "refund-asked",
        E,
        28,
        "user: refund order 9002\nassistant: it is 640 euros, more than I may refund "
        "alone; I asked Ann and she agreed.",
    ),
    ("vault", F, 160, "Secrets are in the vault; never write one into a ticket or a log."),
    (
        "ticket-rule",
        F,
        95,
        "A ticket is closed only when the customer has said that it is solved.",
    ),
    (
        "ticket-3311",
        E,
        18,
        "user: what of ticket 3311?\nassistant: the customer of ticket 3311 got a new "
        "invoice; I wait for an answer.",
    ),
    (
        "ticket-week",
        S,
        7,
        "Of 41 tickets of the week 30 were about the change of the payment provider.",
    ),
    (
        "invoice",
        F,
        130,
        "Invoices are numbered by year and never changed; a wrong one gets a credit note.",
    ),
    (
        "invoice-run",
        E,
        18,
        "user: the invoice of ticket 3311 is wrong\nassistant: I wrote a credit note "
        "and a new invoice with the right address.",
    ),
    ("vat", F, 85, "The rate of VAT on books is ten percent, on everything else twenty."),
    ("language", F, 77, "The shop speaks German, Italian and Slovene; English is planned."),
    (
        "language-run",
        E,
        26,
        "user: add English texts\nassistant: I drafted English texts for the front "
        "page; Ann wants to read them first.",
    ),
    (
        "login-bug",
        E,
        35,
        "user: customers cannot log in\nassistant: the clock of the host web-3 was "
        "wrong, so sessions ended at once. I fixed its time service.",
    ),
    (
        "login-rule",
        F,
        34,
        "If customers cannot log in, look at the clocks of the web hosts first.",
    ),
    ("web-hosts", F, 140, "The shop runs on the hosts web-1, web-2 and web-3 behind a balancer."),
    ("web-new", F, 4, "The host web-4 was added behind the balancer."),
    ("monitor", F, 125, "Alarms go to the channel #ops; at night they call the night watch."),
    (
        "alarm-run",
        E,
        3,
        "user: what was the alarm?\nassistant: the alarm at night was about the "
        "memory of the host web-2; a restart helped.",
    ),
    ("alarm-summary", S, 2, "Three alarms in the week, all about the memory of the host web-2."),
    (
        "memory-leak",
        F,
        1,
        "The image service leaks memory; restart it on web-2 every night until it is mended.",
    ),
    (
        "search-engine",
        F,
        210,
        "The search of the shop knows no typing errors; customers complain.",
    ),
    (
        "search-new",
        E,
        16,
        "user: try the new search\nassistant: the new search finds shoes for `shoos` "
        "and takes 30 ms.",
    ),
    (
        "newsletter",
        F,
        105,
        "The newsletter goes out on the first Monday of a month, written by Ann.",
    ),
    (
        "newsletter-run",
        E,
        25,
        "user: send the newsletter\nassistant: it went to 12,400 readers; 31 "
        "addresses were refused.",
    ),
    (
        "gdpr",
        F,
        115,
        "A customer who wants to be forgotten is deleted within thirty days; invoices "
        "are kept for seven years.",
    ),
    (
        "gdpr-run",
        E,
        22,
        "user: delete the customer Mayr\nassistant: I deleted the account; three "
        "invoices are kept, as the law says.",
    ),
    (
        "warehouse",
        F,
        88,
        "The store in Linz packs until four in the afternoon; orders after that leave "
        "the next day.",
    ),
    (
        "warehouse-late",
        E,
        11,
        "user: why was order 8120 late?\nassistant: it came at five, when the store "
        "in Linz packs no more, so it left the next day.",
    ),
    ("holiday", F, 10, "On the eighth of December the store in Linz is closed."),
    (
        "coffee",
        E,
        38,
        "user: tell a joke\nassistant: a deploy walks into a bar and rolls back out.",
    ),
    ("greeting", E, 17, "user: good morning\nassistant: good morning, what shall we do today?"),
    ("thanks", E, 19, "user: thank you, that is all for today\nassistant: you are welcome."),
    (
        "plan-week",
        S,
        1,
        "Next week: mend the image service, prepare the winter sale, English texts.",
    ),
)

QUESTIONS = (
    ("On which day do we deploy the shop?", {"deploy-tuesday": 3, "deploy-friday": 1}),
    ("the deploy failed, what happened last time?", {"deploy-fail": 3, "deploy-summary": 2}),
    ("how do I roll back a release", {"rollback": 3}),
    (
        "which version of PostgreSQL is the main database?",
        {"db-upgrade": 3, "db-run": 2, "db-main": 1},
    ),
    ("host of the database", {"db-upgrade": 3, "db-run": 2, "db-main": 1}),
    ("how long are backups kept?", {"db-backup": 3, "backup-restore": 1}),
    ("where is the backup key", {"backup-key": 3}),
    ("how does Ann want answers?", {"ann-likes": 3, "ann-mail": 1}),
    ("who does support while Bob is away", {"bob-away": 3, "bob-likes": 1}),
    ("When does the winter sale begin?", {"sale-moved": 3, "sale-plan": 2, "sale-talk": 1}),
    ("prices of shoes in the winter sale", {"sale-plan": 3, "sale-moved": 1}),
    ("from where are shoes sent?", {"shoes": 3}),
    ("boots are too small, which size?", {"size-chart": 3, "shoes-return": 1}),
    (
        "which payment provider charges cards?",
        {"payment-change": 3, "payment-provider": 1, "payment-error": 1},
    ),
    ("payments fail with error 402", {"payment-error": 3, "payment-key": 1}),
    ("may I refund 700 euros?", {"refund": 3, "refund-asked": 2, "refund-run": 1}),
    ("is ticket 3311 solved", {"ticket-3311": 3, "invoice-run": 2, "ticket-rule": 1}),
    ("how to correct a wrong invoice", {"invoice": 3, "invoice-run": 2}),
    ("customers cannot log in", {"login-rule": 3, "login-bug": 3}),
    ("hosts behind the balancer", {"web-new": 3, "web-hosts": 3}),
    ("alarm about memory of web-2", {"memory-leak": 3, "alarm-summary": 2, "alarm-run": 2}),
    ("English texts for the shop", {"language-run": 3, "language": 2, "plan-week": 1}),
    (
        "customer wants to be deleted, what about invoices?",
        {"gdpr": 3, "gdpr-run": 2, "invoice": 1},
    ),
    (
        "until when does the store in Linz pack orders?",
        {"warehouse": 3, "warehouse-late": 2, "holiday": 1},
    ),
    ("what did we plan for next week?", {"plan-week": 3}),
    ("newsletter day", {"newsletter": 3, "newsletter-run": 1}),
)
