-- People sign in and programs show tokens: whose session ended is told by the session itself.
drop table ended_session;
