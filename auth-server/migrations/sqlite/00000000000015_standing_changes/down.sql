DROP TRIGGER pairing_consent_withdrawn;
DROP TRIGGER pairing_consent_changed;
DROP TRIGGER pairing_consent_given;
DROP TRIGGER user_deleted;
DROP TRIGGER user_changed;
DROP TRIGGER grant_deleted;
DROP TRIGGER grant_changed;
DROP TABLE standing_changes;
