-- What has changed of that which stands behind tokens (grants, their users, what these agreed to), whoever changed it: a server
-- remembers it between exchanges, and looks here, in the transaction that puts an exchange on record, whether it still is so.
CREATE TABLE standing_changes (
    n        INTEGER NOT NULL PRIMARY KEY,
    -- either: one grant, or all of a user
    grant_id TEXT,
    user_id  TEXT
);
-- There is always a last one.
INSERT INTO standing_changes (n) VALUES (1);
-- The newest stay. Whoever has not looked for so long forgets all.
CREATE TRIGGER standing_changes_stay_few AFTER INSERT ON standing_changes WHEN NEW.n % 1000 = 0 BEGIN
    DELETE FROM standing_changes WHERE n <= NEW.n - 10000;
END;
CREATE TRIGGER grant_changed AFTER UPDATE ON grants BEGIN
    INSERT INTO standing_changes (grant_id) VALUES (OLD.id);
END;
CREATE TRIGGER grant_deleted AFTER DELETE ON grants BEGIN
    INSERT INTO standing_changes (grant_id) VALUES (OLD.id);
END;
-- Also by INSERT OR REPLACE, which is neither of the others. (Nothing replaces a grant.)
CREATE TRIGGER user_added AFTER INSERT ON users BEGIN
    INSERT INTO standing_changes (user_id) VALUES (NEW.id);
END;
CREATE TRIGGER user_changed AFTER UPDATE ON users BEGIN
    INSERT INTO standing_changes (user_id) VALUES (OLD.id);
END;
CREATE TRIGGER user_deleted AFTER DELETE ON users BEGIN
    INSERT INTO standing_changes (user_id) VALUES (OLD.id);
END;
CREATE TRIGGER pairing_consent_given AFTER INSERT ON pairing_consents BEGIN
    INSERT INTO standing_changes (user_id) VALUES (NEW.user_id);
END;
CREATE TRIGGER pairing_consent_changed AFTER UPDATE ON pairing_consents BEGIN
    INSERT INTO standing_changes (user_id) VALUES (OLD.user_id);
END;
CREATE TRIGGER pairing_consent_withdrawn AFTER DELETE ON pairing_consents BEGIN
    INSERT INTO standing_changes (user_id) VALUES (OLD.user_id);
END;
