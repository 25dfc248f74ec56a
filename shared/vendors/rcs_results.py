"""Results of RCS messages as the carriers tell them: five digits, 4 the MaaP's, 5 the carrier's gateway's.

The list is NHN Cloud's (RCS Bizmessage, result codes, 2026-05); other vendors pass the same digits on. 50000 stands in
it without a meaning, so it is an unknown failure. The delivery of NHN is 2000.
"""

from __future__ import annotations

from shared.vendors.tables import codes

CARRIERS = codes("""
    50000  3003  matched to new specifications
    50001  3004  missing authorization header
    50002  3004  missing token
    50003  3004  invalid token
    50004  3004  the token has expired
    50005  3004  authorization error
    50006  3004  invalid client id
    50007  3004  invalid sender id
    50008  3004  invalid password
    50009  3004  address not allowed
    50011  3004  authentication error
    50012  3004  authentication error
    50100  3003  invalid state
    50201  3002  over the messages a second
    50202  1006  over the message quota
    51003  1005  duplicate key
    51004  1009  parameter error
    51005  1009  unreadable JSON
    51006  3003  data not found
    51101  3004  no such agency key
    51102  3004  invalid agency key
    51103  3004  no such brand key
    51104  3004  invalid brand key
    51900  3003  no handler found
    51901  3001  the MaaP's connection failed
    51902  3001  the MaaP's service failed
    51903  3001  the Capri interface failed
    51904  3003  the webhook cannot be run
    51905  3003  the webhook's log cannot be written
    51906  3003  invalid webhook URL
    51907  4008  the webhook message has expired
    51908  3003  too many tries to send
    51909  3003  no such webhook message
    51910  3003  no such gateway vendor
    51911  2004  the recipient has no RCS subscription
    52001  1001  recipient number format error
    52002  3003  invalid message status
    52003  3003  the chatbot exists already
    52004  3003  the chatbot could not be made
    52005  3003  the chatbot could not be changed
    52006  3003  the brand could not be deleted
    52007  3003  invalid chatbot service type
    52008  2003  the chatbot id does not match
    52016  4008  the time to transmit is over
    52023  2001  the template is paused
    53001  1009  invalid file type
    53002  1009  file attribute error
    53003  1011  file id error
    53004  1009  the file could not be stored
    53005  1009  invalid multipart request
    53006  1002  attached file too large
    54001  2004  invalid contact number: the recipient has no RCS
    54002  2004  the handset has no RCS
    54003  4004  the recipient cannot be sent to
    54004  3001  internal server error
    55001  3003  company content error
    55002  3003  invalid property
    55101  3004  agency content error
    55102  3004  invalid agency id
    55103  3004  the agency has no right to the brand
    55104  3004  contract content error
    55201  2003  brand content error
    55202  2003  brand name error
    55203  2003  brand profile image error
    55204  2003  brand service number error
    55205  2003  brand menu error
    55206  2003  brand category error
    55207  2003  brand homepage error
    55208  2003  brand e-mail error
    55209  2003  brand address error
    55210  2003  invalid brand id
    55301  2003  chatbot content error
    55302  2003  invalid chatbot id
    55303  2003  chatbot error
    55304  2003  no right to the chatbot
    55501  2001  messagebase content error
    55502  2001  invalid messagebase id
    55503  2001  no right to the messagebase
    55504  2002  invalid formatted string
    55505  2002  invalid messagebase policy
    55506  2002  invalid messagebase parameter
    55507  2002  invalid messagebase attribute
    55508  2002  invalid messagebase type
    55509  2002  the product type does not match
    55601  2001  messagebase form content error
    55602  2001  invalid messagebase form id
    55603  2001  invalid messagebase product code
    55701  1008  prohibited text
    55702  2002  no right to this button
    55703  1008  prohibited header
    55704  1008  prohibited footer
    55705  1008  the footer is missing
    55706  1008  footer syntax error
    55707  2002  the content does not match the pattern
    55708  1002  the title is too long
    55709  1002  the text is too long
    55710  1002  too many buttons
    55711  2002  another number of cards than the format's
    55712  1002  the media are too large
    55801  1009  gateway vendor content error
    55802  1009  invalid message
    55803  1009  message syntax error
    55804  1009  the message has no content
    55805  1009  invalid message content
    55806  1005  duplicate message id
    55807  2003  invalid chatbot permission
    55808  2003  invalid chatbot status
    55809  3004  invalid agency permission
    55810  1009  invalid expiry option
    55811  1002  a parameter is too long
    55812  3004  invalid reseller id
    55813  1002  a button's name is too long
    55814  2002  invalid buttons of the messagebase
    55815  1011  a file of the message is not found
    55816  2002  another number of suggestions than the messagebase's
    55817  1001  invalid recipient number
    55818  2001  invalid messagebase id
    55819  2003  invalid chatbot id
    55820  0302  the message was revoked
    55821  4008  time-out
    55822  0302  the message was canceled
    55880  2002  the buttons do not match the messagebase
    55900  3003  an error that no retry mends
    56002  3003  the message could not be revoked
    56007  4008  expired before the handset was reached
    59001  3001  internal error
    59002  3001  input or output error
    59003  4008  back-end time-out
    59202  3001  internal error at the relay
    59203  4008  time-out at the relay
    59901  3001  the relay failed
    59999  3003  other error
    40001  3004  missing authorization header
    40002  3004  missing token
    40003  3004  invalid token
    40004  3004  the token has expired
    40005  3004  malformed token
    40006  3004  invalid client id
    40007  3004  insufficient scope
    41000  3001  internal server error
    41001  4008  RCS request time-out
    41003  3002  throttled by message rate
    41004  3002  RCS server busy
    41005  3001  RCS server unavailable for now
    41006  3001  no such session
    41007  0302  revoked
    41008  4008  the session has expired
    41100  3001  subscription time-out
    41101  2004  user not found
    41200  2004  no user to receive it
    41201  3003  message not acceptable
    41202  0302  revoked before
    41210  4004  the handset takes no text
    41211  4004  the handset takes no files
    41212  4004  the handset takes no rich card
    41220  4004  the handset lacks X-Bot message 1.0
    41221  4004  the handset lacks X-Bot message 1.1
    41222  4004  the handset lacks X-Bot message 1.2
    41230  4004  the handset lacks open rich card 1.0
    41231  4004  the handset lacks open rich card 1.1
    41232  4004  the handset lacks open rich card 1.2
    41240  4004  the handset lacks location requests
    41250  3003  the content's type could not be read
    42001  3003  invalid state
    42002  1009  invalid message
    42003  1009  invalid date
    42004  1001  missing contact
    42005  1001  invalid contact
    42006  1009  for emulators only
    42007  1001  the contact is not on the white list
    42008  1009  missing message content
    42009  1009  invalid message content
    42010  1009  ambiguous message
    42011  1009  invalid message status
    42012  1009  invalid isTyping status
    42013  1009  invalid traffic type
    42014  1009  invalid chip list
    42015  1009  empty text
    42031  1009  missing rich card
    42032  1009  ambiguous rich card
    42033  1009  too many rich cards
    42034  1009  missing rich card layout
    42035  1009  missing rich card content
    42036  1009  invalid card orientation
    42037  1009  missing image alignment
    42038  1009  invalid image alignment
    42039  1009  redundant image alignment
    42040  1009  invalid card width
    42041  1009  other media height
    42042  1009  invalid rich card content (size)
    42043  1009  invalid suggestions
    42044  1002  too many suggestions (11)
    42045  1009  invalid suggestion
    42046  1009  ambiguous suggestion
    42047  1009  ambiguous suggested action
    42048  1002  too many suggestions on a card (4)
    42049  1002  too much suggestion data (2,048)
    42050  1009  invalid action
    42051  1009  invalid location
    42052  1009  ambiguous location
    42053  1009  invalid map action
    42054  1009  ambiguous map action
    42055  1009  invalid dialer action
    42056  1009  ambiguous dialer action
    42057  1009  invalid compose action
    42058  1009  ambiguous compose action
    42059  1009  invalid settings action
    42060  1009  ambiguous settings action
    42061  1009  invalid clipboard action
    42062  1009  missing browser action
    42063  1009  invalid share action
    42064  1009  missing calendar action
    42065  1009  invalid calendar action
    42066  1009  invalid calendar title
    42067  1009  invalid calendar description
    42068  1009  invalid text of a compose action
    42069  1009  invalid recording of a compose action
    42070  1009  missing device action
    42071  1009  invalid number of a dialer action
    42072  1009  missing location to show
    42073  1009  missing URL to open
    42100  1009  invalid thumbnail
    42101  1009  missing file URL
    42102  1009  missing audio URL
    42103  1009  missing position
    42104  1009  missing media
    42105  1009  missing media
    42106  1009  missing media
    42107  1009  missing media
    42108  1009  missing postback
    42200  1009  invalid URI
    42201  1009  invalid location
    42202  1009  invalid media content description
    42203  1009  invalid media title
    42204  1009  invalid media description
    42205  1009  too much in a carousel
    42206  1009  invalid media size
    42207  1009  invalid expiry format
    42208  1009  invalid expiry time
    42301  1009  ambiguous open rich card
    42302  1009  missing open rich card
    42303  1009  missing layout widget
    42304  1009  missing view content
    42305  1009  missing linear layout
    42306  1009  missing text view
    42307  1009  invalid text view
    42308  1009  invalid length of a text view
    42309  1009  missing image view
    42310  1009  too small an image
    42311  1009  invalid scale type
    42312  1009  missing width or height
    42313  1009  invalid width or height
    42314  1009  invalid common contents
    42315  1009  too many parts of an open rich card
    42401  1009  invalid file type
    42402  1009  a download failed
    42501  1009  missing contact
    42502  1009  missing content
    42503  1009  missing title
    42504  1009  missing description
    42505  1009  missing image URL
    42506  1009  missing image type
    42507  1009  missing button link
    42508  1009  missing button text
    42509  1009  invalid title
    42510  1009  invalid description
    42511  1009  invalid image URL
    42512  1009  invalid button URL
    42513  1009  invalid button text
    42514  1005  duplicate message id
    42601  3002  too many requests
    42602  4006  filtered
    45000  3001  internal server error
    45001  3001  bot data error
    45002  3001  capability data error
    45003  3001  XML data error
    45004  3001  message cache error
    45005  3001  chat cache error
    45006  3001  no client for the MaaP registry
    45007  3001  no client for the bot
""")
